import { describe, expect, test, vi } from "vitest";
import { type Outgoing, nameOf, outgoing } from "../../../src/client/connection/outgoing.js";
import { connected, failure } from "../../support/connected.js";

const SEND: Outgoing = { command: "SEND", headers: [], body: "", contentLength: true, about: "/queue/a" };

describe("errors name a frame", () => {
  test.each<[Outgoing, string]>([
    [SEND, "SEND to /queue/a"],
    [{ ...SEND, headers: [["transaction", "t"]] }, "SEND to /queue/a in t"],
    [{ ...SEND, about: undefined }, "SEND"],
    [outgoing("SUBSCRIBE", "/queue/a", []), "SUBSCRIBE to /queue/a"],
    [outgoing("UNSUBSCRIBE", "/queue/a", []), "UNSUBSCRIBE of /queue/a"],
    [outgoing("ACK", "/queue/a", [["transaction", "t"]]), "ACK on /queue/a"],
    [outgoing("NACK", "/queue/a", []), "NACK on /queue/a"],
    [outgoing("BEGIN", "t", []), "BEGIN of t"],
    [outgoing("COMMIT", "t", []), "COMMIT of t"],
    [outgoing("DISCONNECT", undefined, []), "DISCONNECT"],
  ])("%o", (frame, name) => {
    expect(nameOf(frame)).toBe(name);
  });
});

describe("many calls that wait until one signal", () => {
  test("share one listener", async () => {
    const { broker, client } = await connected({ receipts: false });
    const abort = new AbortController();
    const { signal } = abort;
    const add = vi.spyOn(signal, "addEventListener");
    const remove = vi.spyOn(signal, "removeEventListener");
    const listeners = () => add.mock.calls.length - remove.mock.calls.length;
    const options = { receipt: true, signal } as const;
    const confirmed = client.send("/queue/a", "1", { receipt: "r", signal });
    const calls = [
      ...Array.from({ length: 12 }, () => client.send("/queue/a", "2", options)),
      client.subscribe("/queue/a", options),
      client.begin(options),
      client.request("/queue/a", "3", { signal, replyTo: "/queue/b" }),
    ].map(failure);
    expect(listeners()).toBe(1);
    broker.send("RECEIPT", { "receipt-id": "r" });
    await confirmed;
    expect(listeners()).toBe(1);
    expect(add).toHaveBeenCalledTimes(1);
    abort.abort("enough");
    expect(new Set(await Promise.all(calls))).toEqual(new Set(["enough"]));
    await client.disconnect();
  });
});
