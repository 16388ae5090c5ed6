import { describe, expect, test } from "vitest";
import { FrameDecoder, type Frame } from "../../src/protocol/index.js";

const octets = (text: string): Uint8Array => new TextEncoder().encode(text);

function all(decoder: FrameDecoder): Frame[] {
  const frames: Frame[] = [];
  for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) frames.push(frame);
  return frames;
}

describe("chunks", () => {
  test("wait until they are asked for, and may be text and octets by turns, inside a frame too", () => {
    const decoder = new FrameDecoder({ version: "1.2" });
    decoder.push("MESSAGE\nsubscription:ä\ncontent-");
    decoder.push(octets("length:7\n\nh"));
    decoder.push("é\0");
    decoder.push(octets("llo"));
    expect(decoder.midFrame).toBe(false); // nothing was asked for yet
    expect(decoder.next()).toBeUndefined();
    expect(decoder.midFrame).toBe(true);
    decoder.push("\0RECEIPT\nreceipt-id:1\n\n\0");
    const [message, receipt, ...others] = all(decoder);
    expect(message?.headers.get("subscription")).toBe("ä");
    expect(message?.text()).toBe("hé\0llo");
    expect(receipt?.headers.get("receipt-id")).toBe("1");
    expect(others).toEqual([]);
    expect(decoder.midFrame).toBe(false);
  });

  test("of text may end between the two halves of a character", () => {
    const decoder = new FrameDecoder({ version: "1.2" });
    for (const chunk of ["MESSAGE\na:\ud83d", "\ude00\n\n\ud83d", "", "\ude00\0"]) decoder.push(chunk);
    const [frame] = all(decoder);
    expect([frame?.headers.get("a"), frame?.text()]).toEqual(["😀", "😀"]);
  });

  test("of text that end in half a character are not whole", () => {
    const decoder = new FrameDecoder({ version: "1.2" });
    decoder.push("MESSAGE\n\n\ud83d");
    expect(decoder.next()).toBeUndefined();
    expect(decoder.midFrame).toBe(true);
    expect(() => {
      decoder.end();
    }).toThrow("the stream ended inside a frame");
  });

  test("of many frames are decoded one by one, also where they are longer than what is looked at at once", () => {
    const decoder = new FrameDecoder({ version: "1.2" });
    const frames = Array.from({ length: 500 }, (_, i) => {
      const filler = "x".repeat((i * 37) % 300);
      return `MESSAGE\nmessage-id:${i}\nfiller:${filler}${i % 7 === 0 ? "é" : ""}\n\n${"y".repeat(i % 90)}\0\n`;
    });
    decoder.push(octets(frames.join("")));
    const ids = all(decoder).map((frame) => `${frame.headers.get("message-id") ?? ""}:${frame.body.length}`);
    expect(ids).toEqual(frames.map((_, i) => `${i}:${i % 90}`));
    expect(decoder.eols).toBe(500);
  });

  test("with a head or a body of several chunks leave frames that stay what they were", () => {
    const decoder = new FrameDecoder({ version: "1.2" });
    const kept: Frame[] = [];
    for (let i = 0; i < 20; i++) {
      for (const chunk of [`MESSAGE\nid:${i}`, `\n\nbody`, ` ${i}\0`]) decoder.push(octets(chunk));
      kept.push(...all(decoder));
    }
    expect(kept.map((frame) => [frame.headers.get("id"), frame.text()])).toEqual(
      Array.from({ length: 20 }, (_, i) => [`${i}`, `body ${i}`]),
    );
  });
});

describe("large bodies", () => {
  test.each([true, false])("counted: %s, in chunks of any size, arrive whole", (isCounted) => {
    const body = Uint8Array.from({ length: 3_000_000 }, (_, i) => (isCounted ? i % 256 : (i % 255) + 1));
    const decoder = new FrameDecoder({ version: "1.2" });
    decoder.push(`MESSAGE\n${isCounted ? `content-length:${body.length}\n` : ""}\n`);
    for (let from = 0, size = 1; from < body.length; from += size, size = (size * 7 + 13) % 70_000) {
      decoder.push(body.subarray(from, from + size));
      expect(decoder.next()).toBeUndefined();
    }
    decoder.push(Uint8Array.of(0));
    const got = decoder.next()?.body ?? new Uint8Array();
    expect(got.length).toBe(body.length);
    expect(got.every((octet, i) => octet === body[i])).toBe(true);
  });
});

describe("the version", () => {
  test("counts from the next frame on, in the same chunk", () => {
    const decoder = new FrameDecoder();
    decoder.push("RECEIPT\nreceipt-id:a\\cb\n\n\0RECEIPT\nreceipt-id:a\\cb\n\n\0RECEIPT\nreceipt-id:a\\cb\n\n\0");
    expect(decoder.next()?.headers.get("receipt-id")).toBe("a\\cb");
    decoder.version = "1.2";
    expect(decoder.next()?.headers.get("receipt-id")).toBe("a:b");
    decoder.version = "1.0";
    expect(decoder.next()?.headers.get("receipt-id")).toBe("a\\cb");
    expect(decoder.version).toBe("1.0");
  });

  test("gives way to what is tolerated of a broker", () => {
    const decoder = new FrameDecoder({ version: "1.1" });
    decoder.tolerate("1.2");
    decoder.push("RECEIPT\nreceipt-id:a\\rb\n\n\0");
    expect(decoder.next()?.headers.get("receipt-id")).toBe("a\rb");
    decoder.tolerate(undefined);
    decoder.push("RECEIPT\nreceipt-id:a\\rb\n\n\0");
    expect(() => decoder.next()).toThrow('undefined escape sequence "\\r"');
  });
});

describe("strictly", () => {
  test.each([
    ["1.2", "\0RECEIPT\nreceipt-id:1\n\n\0", 'unknown command "\\u0000RECEIPT"'],
    ["1.2", "RECEIPT\nreceipt-id:a:b\n\n\0", 'header "receipt-id" has a colon that is not escaped'],
    ["1.1", "RECEIPT\r\nreceipt-id:1\r\n\r\n\0", 'unknown command "RECEIPT\\r"'],
    ["1.0", "RECEIPT\nreceipt-id:\n\n\0", 'header "receipt-id" has an empty value'],
  ] as const)("in %s %j is refused, and by default it is read", (version, frame, message) => {
    const strict = new FrameDecoder({ version, strict: true });
    strict.push(octets(frame));
    expect(() => strict.next()).toThrow(message);
    const lenient = new FrameDecoder({ version });
    lenient.push(octets(frame));
    expect(lenient.next()?.command).toBe("RECEIPT");
  });
});

test.each([
  ["whole", (text: string) => [octets(text)]],
  ["octet by octet", (text: string) => Array.from(octets(text), (octet) => Uint8Array.of(octet))],
  ["as text", (text: string) => [text]],
])("a body where none may be is told as such, however large and however it is cut: %s", (_, chunksOf) => {
  const decoder = new FrameDecoder({ version: "1.2", limits: { bodyBytes: 3 } });
  for (const chunk of chunksOf("RECEIPT\nreceipt-id:1\n\nhello\0")) decoder.push(chunk);
  expect(() => decoder.next()).toThrow("RECEIPT frame has a body");
});

test("after a fault it holds nothing and says the same for ever", () => {
  const decoder = new FrameDecoder({ version: "1.2" });
  decoder.push("RECEIPT\nreceipt-id:1\n\n\0NONSENSE\n\n\0RECEIPT\nreceipt-id:2\n\n\0");
  expect(decoder.next()?.command).toBe("RECEIPT");
  const fault = 'unknown command "NONSENSE"';
  expect(() => decoder.next()).toThrow(fault);
  decoder.push("RECEIPT\nreceipt-id:3\n\n\0");
  expect(() => decoder.next()).toThrow(fault);
  expect(() => {
    decoder.end();
  }).toThrow(fault);
});
