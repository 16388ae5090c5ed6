import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Ids } from "../../../src/client/connection/environment.js";
import { InvalidStateError } from "../../../src/errors.js";
import { connected, failure } from "../../support/connected.js";
import { settled } from "../../support/scripted-broker.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

/** The name that is made after this one, if nothing is done about it. */
function after(name: string): string {
  return name.replace(/\d+$/, (count) => String(Number(count) + 1));
}

describe("a name that is made", () => {
  test("is short, says what it names by its first letter, and is another one each time and in each client", () => {
    const ids = new Ids();
    const names = ["s", "r", "t"].map((kind) => ids.next(kind));
    expect(names.map((name) => name.replace(/^(.)[0-9a-f]{5}-/, "$1-"))).toEqual(["s-1", "r-2", "t-3"]);
    expect(new Set(names.map((name) => name.slice(1, 6))).size).toBe(1);
    expect(new Ids().next("s").slice(0, 6)).not.toBe(names[0]?.slice(0, 6));
  });

  test("is never one that a caller has given, not even one that was counted on from another", () => {
    const ids = new Ids();
    const given = new Set<string>();
    let name = ids.next("r");
    for (let i = 0; i < 100; i++) {
      for (const guess of [after(name), after(after(name)), `${name}0`]) given.add(ids.next("r", guess));
      name = ids.next("r");
      expect(given).not.toContain(name);
    }
  });

  test("that comes back as a caller's changes nothing", () => {
    const ids = new Ids();
    const name = ids.next("r");
    expect(ids.next("r", name)).toBe(name);
    expect(ids.next("r")).toBe(after(name));
  });
});

describe("names of callers", () => {
  const NUMBERS = Array.from({ length: 12 }, (_, i) => i + 1);

  test("of subscriptions never meet those that are made, whichever comes first", async () => {
    const { broker, client } = await connected();
    const [made] = [await client.subscribe("/queue/a")];
    const guesses = [after(made.id), after(after(made.id))];
    const given = [...guesses, ...NUMBERS.flatMap((n) => [`sub-${n}`, `s-${n}`, `${n}`])];
    const all = [made];
    for (const id of given) all.push(await client.subscribe("/queue/a", { id }), await client.subscribe("/queue/a"));
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    expect(broker.of("SUBSCRIBE")).toHaveLength(all.length);
    await client.disconnect();
  });

  test("of a subscription that is live, or was on this connection, is refused as that; in the next session it works", async () => {
    const { client } = await connected();
    const { id } = await client.subscribe("/queue/a");
    expect(await failure(client.subscribe("/queue/b", { id }))).toEqual(
      new InvalidStateError(`subscription id "${id}" is in use`),
    );
    await client.reconnect();
    expect((await client.subscribe("/queue/b")).id).not.toBe(id);
    await client.disconnect();
    expect((await client.subscribe("/queue/b", { id })).id).toBe(id);
  });

  test("of receipts never meet those that are made, whichever comes first", async () => {
    const { broker, client } = await connected({ receipts: false });
    const sending: Promise<void>[] = [];
    const send = (receipt: string | true): void => void sending.push(client.send("/queue/a", "x", { receipt }));
    send(true);
    await settled();
    const made = broker.of("SEND")[0]?.headers.get("receipt") ?? "";
    for (const receipt of [after(made), ...NUMBERS.map((n) => `receipt-${n}`)]) {
      send(receipt);
      send(true);
    }
    sending.push(client.sendFrame("SEND", { destination: "/queue/a", receipt: "receipt-100" }));
    sending.push(client.sendFrame("SEND", { destination: "/queue/a", receipt: after(after(made)) }));
    send(true);
    await settled();
    const receipts = broker.of("SEND").map(({ headers }) => headers.get("receipt") ?? "");
    expect(new Set(receipts).size).toBe(sending.length);
    expect(await failure(client.send("/queue/a", "x", { receipt: made }))).toEqual(
      new InvalidStateError(`receipt id "${made}" is in use`),
    );
    for (const receipt of receipts) broker.send("RECEIPT", { "receipt-id": receipt });
    await Promise.all(sending);
    const again = client.send("/queue/a", "x", { receipt: made }); // it is free again
    await settled();
    broker.send("RECEIPT", { "receipt-id": made });
    await again;
    const disconnecting = client.disconnect({ timeout: 1 });
    await vi.advanceTimersByTimeAsync(1);
    await disconnecting;
  });

  test("of receipts never meet those of the outbox, in whatever session they go out", async () => {
    const { broker, client } = await connected({ receipts: false }, { delivery: "at-least-once", reconnect: () => 0 });
    const sending = ["receipt-2", true, "receipt-4", true, "receipt-1", true].map((receipt) =>
      client.send("/queue/a", "x", { receipt: receipt as string }),
    );
    await settled();
    broker.transport.abort(new Error("cable cut"));
    await vi.advanceTimersByTimeAsync(0);
    await settled();
    sending.push(client.send("/queue/a", "x"));
    await settled();
    const receipts = broker.of("SEND").map(({ headers }) => headers.get("receipt") ?? "");
    expect(new Set(receipts).size).toBe(sending.length);
    for (const receipt of new Set(receipts)) broker.send("RECEIPT", { "receipt-id": receipt });
    await Promise.all(sending);
    const disconnecting = client.disconnect({ timeout: 1 });
    await vi.advanceTimersByTimeAsync(1);
    await disconnecting;
  });

  test("of transactions never meet those that are made, whichever comes first", async () => {
    const { broker, client } = await connected();
    const made = await client.begin();
    for (const id of [after(made.id), ...NUMBERS.map((n) => `tx-${n}`)]) {
      await client.begin({ id });
      await client.begin();
    }
    const ids = broker.of("BEGIN").map(({ headers }) => headers.get("transaction"));
    expect(new Set(ids).size).toBe(27);
    expect(await failure(client.begin({ id: made.id }))).toEqual(
      new InvalidStateError(`transaction id "${made.id}" is in use`),
    );
    await made.commit();
    expect((await client.begin({ id: made.id })).id).toBe(made.id);
    await client.disconnect();
  });

  test("of subscriptions never meet those that bring replies", async () => {
    const { broker, client } = await connected();
    const made = await client.subscribe("/queue/a");
    for (const id of ["replies-1", "sub-2", after(made.id)]) await client.subscribe("/queue/a", { id });
    const asking = client.request("/queue/ask", "", { replyTo: "/queue/r" });
    await client.subscribe("/queue/a", { id: "sub-5" });
    const ids = broker.of("SUBSCRIBE").map(({ headers }) => headers.get("id"));
    expect(new Set(ids).size).toBe(6);
    expect((await client.subscribe("/queue/a")).id).not.toBe(ids[4]);
    await Promise.all([failure(asking), client.disconnect()]);
  });

  test.each([[""], [5], [null]])("are texts that are not empty, not %j", async (id) => {
    const { broker, client } = await connected();
    const wrong = new TypeError("id must be a string that is not empty");
    expect(await failure(client.subscribe("/queue/a", { id: id as string }))).toEqual(wrong);
    expect(await failure(client.begin({ id: id as string }))).toEqual(wrong);
    expect(broker.received).toHaveLength(1);
    await client.disconnect();
  });
});
