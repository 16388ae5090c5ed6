import { describe, expect, test } from "vitest";
import { crc32 } from "../../src/stores/crc32.js";
import { encodeForgotten, encodeParked, encodeSend, hasRecord, readRecord } from "../../src/stores/send-record.js";
import { send } from "./contract.js";

test("CRC-32 has its check value, and is that of a part", () => {
  const octets = new TextEncoder().encode("123456789");
  expect(crc32(octets)).toBe(0xcbf43926);
  expect(crc32(octets, 9)).toBe(0);
  expect(crc32(octets, 2, 5)).toBe(crc32(new TextEncoder().encode("345")));
});

describe("a record", () => {
  // Logs of an earlier version must be read by a later one.
  test("has the octets that it always had", () => {
    const octets = encodeSend(send("k", { destination: "/q", headers: [["a", "b"]], body: "é" }));
    const head = '["k","/q",[["a","b"]],true]';
    const rest = [0, 0, 0, 5 + head.length + 2, 1, 0, 0, 0, head.length, ...new TextEncoder().encode(`${head}é`)];
    const sum = crc32(Uint8Array.from(rest));
    expect([...octets]).toEqual([sum >>> 24, (sum >>> 16) & 255, (sum >>> 8) & 255, sum & 255, ...rest]);
    expect(encodeSend(send("k", { body: new Uint8Array(1) }))[8]).toBe(2);
    expect(encodeForgotten("k")[8]).toBe(3);
    expect(encodeParked("k", "no")[8]).toBe(4);
    expect(new TextDecoder().decode(encodeParked("k", "no").subarray(13))).toBe('["k","no"]');
    expect(new TextDecoder().decode(encodeParked("k", undefined).subarray(13))).toBe('["k"]');
  });

  test("is read where it is, also in a part of more octets", () => {
    const octets = new Uint8Array([...[1, 2, 3], ...encodeSend(send("a")), ...encodeForgotten("b")]).subarray(2);
    const first = readRecord(octets, 1);
    expect(first).toMatchObject({ key: "a", start: 1 });
    expect(first?.send?.()).toEqual(send("a"));
    expect(readRecord(octets, first!.end)).toEqual({
      key: "b",
      start: first!.end,
      end: octets.length,
      send: undefined,
    });
    expect(readRecord(octets, octets.length)).toBe(undefined);
  });

  test("gives octets of its own", () => {
    const octets = encodeSend(send("a", { body: new Uint8Array([1, 2]) }));
    const body = readRecord(octets, 0)?.send?.().body;
    octets.fill(0);
    expect(body).toEqual(new Uint8Array([1, 2]));
  });

  test("is found behind what is none", () => {
    const record = encodeSend(send("a"));
    const octets = new Uint8Array([...record.subarray(0, 20), ...record, 0]);
    expect(hasRecord(octets, 0)).toBe(true);
    expect(hasRecord(octets, 20)).toBe(true);
    expect(hasRecord(octets, 21)).toBe(false);
    expect(hasRecord(record.subarray(1), 0)).toBe(false);
    expect(hasRecord(new Uint8Array(100), 0)).toBe(false);
  });

  test("can be no longer than it can say", () => {
    // So many octets cannot be had in a test; only their count matters before there is a record.
    const body = { length: 0xffffffff } as Uint8Array;
    expect(() => encodeSend(send("a", { body }))).toThrow(
      new RangeError("record of a send is 4294967324 bytes, limit is 4294967295"),
    );
  });
});
