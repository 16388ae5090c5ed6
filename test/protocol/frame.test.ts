import { describe, expect, test } from "vitest";
import { FrameDecoder, frameOf } from "../../src/protocol/index.js";

describe("the body of a frame", () => {
  test.each([
    ["text", "grün\0😀", 10],
    ["octets", new TextEncoder().encode("grün\0😀"), 10],
    ["an ArrayBuffer", new TextEncoder().encode("grün\0😀").buffer, 10],
    ["nothing", "", 0],
  ])("given as %s is text and octets, whichever is asked for", (_, body, length) => {
    const frame = frameOf("SEND", { destination: "/q" }, body);
    expect(frame.body).toHaveLength(length);
    expect(frame.text()).toBe(length === 0 ? "" : "grün\0😀");
    expect(frame.body).toHaveLength(length);
    expect(frame.headers.get("destination")).toBe("/q");
  });

  test("is a view of just its octets", () => {
    const decoder = new FrameDecoder({ version: "1.2" });
    const chunk = new TextEncoder().encode("xMESSAGE\n\nhello\0MESSAGE\n\nb\0").subarray(1);
    decoder.push(chunk);
    const body = decoder.next()?.body;
    expect([body?.byteLength, body?.buffer === chunk.buffer]).toEqual([5, true]);
    expect(decoder.next()?.text()).toBe("b");
  });

  test("has a size that costs nothing: octets, or units of text", () => {
    expect(frameOf("SEND", {}, new Uint8Array(7)).bodySize).toBe(7);
    expect(frameOf("SEND", {}, "語").bodySize).toBe(1);
    expect(frameOf("SEND").bodySize).toBe(0);
  });

  test("that is no UTF-8 shows as U+FFFD in text, and stays as it is in octets", () => {
    const frame = frameOf("SEND", {}, Uint8Array.of(0x61, 0xff));
    expect(frame.text()).toBe("a\ufffd");
    expect([...frame.body]).toEqual([0x61, 0xff]);
  });
});
