import { describe, expect, test } from "vitest";
import { FrameEncoder, HEART_BEAT, utf8Text } from "../../src/protocol/index.js";

const encoder = (): FrameEncoder => new FrameEncoder({ version: "1.2" });

describe("a frame", () => {
  test("is text where its body is text, octets where it is octets, and an EOL is a heart-beat", () => {
    expect(encoder().encode("SEND", { destination: "/q" }, "é\0")).toBe(
      "SEND\ndestination:/q\ncontent-length:3\n\né\0\0",
    );
    const frame = encoder().encode("SEND", { destination: "/q" }, Uint8Array.of(0, 255).buffer);
    expect(frame).toEqual(
      Uint8Array.from([...new TextEncoder().encode("SEND\ndestination:/q\ncontent-length:2\n\n"), 0, 255, 0]),
    );
    expect(HEART_BEAT).toBe("\n");
  });

  test("counts its body in SEND, MESSAGE and ERROR, unless it is told not to", () => {
    expect(encoder().encode("MESSAGE", {}, "a")).toBe("MESSAGE\ncontent-length:1\n\na\0");
    expect(encoder().encode("ERROR", {}, "a", false)).toBe("ERROR\n\na\0");
    expect(encoder().encode("SEND", { "content-length": "1" }, "a")).toBe("SEND\ncontent-length:1\n\na\0");
    expect(encoder().encode("SUBSCRIBE", { id: 1 })).toBe("SUBSCRIBE\nid:1\n\n\0");
  });

  test("writes numbers and booleans, leaves undefined out, keeps the order and repeats", () => {
    const headers: [string, string | number | boolean | undefined][] = [
      ["b", 1],
      ["a", true],
      ["c", undefined],
      ["b", "2"],
      ["d", ""],
    ];
    expect(encoder().encode("ACK", headers)).toBe("ACK\nb:1\na:true\nb:2\nd:\n\n\0");
    expect(headers).toHaveLength(5);
  });

  test("can have its head written alone", () => {
    expect(encoder().encodeHead("SEND", { destination: "/q" }, 70_000)).toBe(
      "SEND\ndestination:/q\ncontent-length:70000\n\n",
    );
  });
});

describe("what is wrong is refused before an octet leaves", () => {
  test.each([
    ["SEND", { a: {} }, "", 'header "a" must be a string, a number or a boolean'],
    ["SEND", { a: null }, "", 'header "a" must be a string, a number or a boolean'],
    ["SEND", [[1, "a"]], "", "a header name must be a string that is not empty"],
    ["SEND", { "": "a" }, "", "a header name must be a string that is not empty"],
    ["SEND", { "a\0": "b" }, "", 'the name of header "a\\u0000" has a NUL, which cannot be escaped here'],
    ["ACK", { id: "1" }, "body", "ACK has no body"],
    ["SEND", { "content-length": 2 }, "é!", 'header "content-length" is 2, the body has 3 bytes'],
  ] as const)("%s %o %j", (command, headers, body, message) => {
    expect(() => encoder().encode(command, headers as never, body)).toThrow(message);
    expect(() => encoder().encode(command, headers as never, new TextEncoder().encode(body))).toThrow(message);
  });

  test("a NUL in a body that is not counted, and a count that is to be left out", () => {
    for (const body of ["a\0", Uint8Array.of(0)]) {
      expect(() => encoder().encode("SEND", {}, body, false)).toThrow("a body with a NUL needs a content-length");
    }
    expect(() => encoder().encode("SEND", { "content-length": 1 }, "a", false)).toThrow(
      'header "content-length" is given, and to be left out',
    );
  });
});

test("a count in a frame without a body is 0, or it would make a receiver take what follows for one", () => {
  expect(encoder().encode("SUBSCRIBE", { id: 1, "content-length": "0" })).toBe(
    "SUBSCRIBE\nid:1\ncontent-length:0\n\n\0",
  );
  for (const count of [5, "5", "00x", "-0.1"]) {
    expect(() => encoder().encode("SUBSCRIBE", { id: 1, "content-length": count })).toThrow(
      new RangeError(`header "content-length" is ${count}, the body has 0 bytes`),
    );
  }
});

describe("a line that is written again", () => {
  test("follows its value, and the version", () => {
    const own = encoder();
    const send = (value: string | number): unknown => own.encode("SEND", { a: value }, "", false);
    expect([send("x:1"), send("x:1"), send("y"), send("x:1")]).toEqual([
      ...["SEND\na:x\\c1\n\n\0", "SEND\na:x\\c1\n\n\0", "SEND\na:y\n\n\0", "SEND\na:x\\c1\n\n\0"],
    ]);
    own.use("1.0");
    expect(send("x:1")).toBe("SEND\na:x:1\n\n\0");
    expect([send(1), send("1")]).toEqual(["SEND\na:1\n\n\0", "SEND\na:1\n\n\0"]);
    own.use("1.0", "backslash");
    expect(send("x\\:1")).toBe("SEND\na:x\\\\:1\n\n\0");
  });

  test("is right however many names there are", () => {
    const own = encoder();
    for (let i = 0; i < 300; i++) {
      expect(own.encode("SEND", { [`n${i % 100}`]: `v${i % 3}` }, "", false)).toBe(`SEND\nn${i % 100}:v${i % 3}\n\n\0`);
    }
  });

  test("is never one of CONNECT: it holds secrets, and is escaped in its own way", () => {
    const own = encoder();
    expect(own.encode("SEND", { passcode: "a:b" }, "", false)).toBe("SEND\npasscode:a\\cb\n\n\0");
    expect(own.encode("CONNECT", { passcode: "a:b" })).toBe("CONNECT\npasscode:a:b\n\n\0");
    expect(own.encode("SEND", { passcode: "a:b" }, "", false)).toBe("SEND\npasscode:a\\cb\n\n\0");
  });
});

test("octets are told from text", () => {
  expect(utf8Text(new TextEncoder().encode("é😀\0"))).toBe("é😀\0");
  expect(utf8Text(Uint8Array.of(0xff))).toBeUndefined();
});
