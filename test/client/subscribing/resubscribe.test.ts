import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { failure } from "../../support/connected.js";
import { drop, kept, live, sessions } from "../../support/resubscribing.js";
import { settled } from "../../support/scripted-broker.js";
import { statusesOf } from "../../support/statuses.js";
import { take } from "../../support/take.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0); // whatever a test did, no timer is left behind
  vi.useRealTimers();
});

describe("after a lost connection a subscription", () => {
  test("whose receipt never comes, as from Spring's simple broker, does not delay disconnect", async () => {
    const { broker, client } = await kept({
      receipts: false,
      onFrame: ({ command, headers }, self) => {
        if (command === "DISCONNECT") self.send("RECEIPT", { "receipt-id": headers.get("receipt") ?? "" });
      },
    });
    await client.subscribe("/topic/a", { id: "a" });
    await drop(broker);
    expect(client.metrics()).toMatchObject({ connects: 2, receiptsPending: 1 });
    const begin = Date.now();
    await client.disconnect();
    expect(Date.now() - begin).toBe(0);
    expect(sessions(broker).at(-1)).toEqual(["CONNECT", "SUBSCRIBE a", "DISCONNECT"]);
  });

  test("is made again with the same id, ack mode and headers, and a receipt that proves it", async () => {
    const { broker, client } = await kept({ connected: { server: "RabbitMQ/4.0.5" } });
    const { id } = await client.subscribe("/queue/a", {
      ack: "client-individual",
      prefetch: 5,
      headers: { selector: "a = 'b:c'" },
    });
    await drop(broker);
    const [first, second] = broker.of("SUBSCRIBE").map(({ headers }) => [...headers]);
    expect(first).toEqual([
      ["destination", "/queue/a"],
      ["id", id],
      ["ack", "client-individual"],
      ["selector", "a = 'b:c'"],
      ["prefetch-count", "5"],
    ]);
    expect(second?.slice(0, -1)).toEqual(first);
    expect(second?.at(-1)?.[0]).toBe("receipt");
    await client.disconnect();
  });

  test("comes before what waited, and that before new traffic", async () => {
    const { broker, client } = await kept({}, { delivery: "at-least-once" });
    await client.subscribe("/queue/a", { id: "a" });
    await client.subscribe("/queue/b", { id: "b" });
    broker.transport.abort(new Error("cable cut"));
    await settled();
    const waited = client.send("/queue/a", "waited");
    client.onStatus((status) => {
      if (status.type === "connected") void client.sendFrame("SEND", { destination: "/queue/a" }, "new");
    });
    await vi.advanceTimersByTimeAsync(100);
    await waited;
    expect(sessions(broker)[1]).toEqual(["CONNECT", "SUBSCRIBE a", "SUBSCRIBE b", "SEND", "SEND"]);
    await client.disconnect();
  });

  test("goes on for its reader and for its handler", async () => {
    const { broker, client } = await kept();
    const read = await client.subscribe("/queue/a");
    const handled: string[] = [];
    const other = await client.subscribe("/queue/b", (message) => handled.push(message.text()));
    const reading = take(read);
    await drop(broker);
    broker.message(read.id, "for the reader");
    broker.message(other.id, "for the handler");
    expect((await reading).text()).toBe("for the reader");
    await settled();
    expect(handled).toEqual(["for the handler"]);
    await client.disconnect();
    expect((await read.next()).done).toBe(true);
  });

  test("that was made or ended meanwhile is made once or never", async () => {
    const { broker, client } = await kept();
    const gone = await client.subscribe("/queue/a", { id: "gone" });
    await client.subscribe("/queue/a", { id: "stays" });
    broker.transport.abort(new Error("cable cut"));
    await settled();
    await client.subscribe("/queue/a", { id: "new" });
    await gone.unsubscribe();
    await vi.advanceTimersByTimeAsync(100);
    expect(sessions(broker)[1]).toEqual(["CONNECT", "SUBSCRIBE stays", "SUBSCRIBE new"]);
    await client.disconnect();
  });

  test("keeps its id for itself; an id that no session knows is free", async () => {
    const { broker, client } = await kept();
    broker.transport.abort(new Error("cable cut"));
    await settled();
    const mine = await client.subscribe("/queue/a", { id: "mine" });
    await expect(client.subscribe("/queue/b", { id: "mine" })).rejects.toThrow('subscription id "mine" is in use');
    await mine.unsubscribe();
    await client.subscribe("/queue/b", { id: "mine" });
    await vi.advanceTimersByTimeAsync(100);
    expect(live(broker)).toEqual(["mine"]);
    await client.disconnect();
  });

  test("is made once in each session, however many there are", async () => {
    const { broker, client } = await kept();
    await client.subscribe("/queue/a", { id: "a" });
    await drop(broker);
    await client.reconnect();
    void broker.transport.close();
    await vi.advanceTimersByTimeAsync(100);
    await Promise.all([client.reconnect(), client.reconnect(), client.connect()]);
    expect(sessions(broker)).toEqual([
      ["CONNECT", "SUBSCRIBE a"],
      ["CONNECT", "SUBSCRIBE a", "DISCONNECT"],
      ["CONNECT", "SUBSCRIBE a"],
      ["CONNECT", "SUBSCRIBE a", "DISCONNECT"],
      ["CONNECT", "SUBSCRIBE a"],
    ]);
    expect(live(broker)).toEqual(["a"]);
    await client.disconnect();
  });

  test("that this session's version cannot express ends with the reason, and the others live", async () => {
    const versions: ("1.0" | "1.2")[] = ["1.2"];
    const { broker, client } = await kept({ session: { versions } });
    const told = statusesOf(client);
    const odd = await client.subscribe("/queue/a", { id: "odd", headers: { note: "a\nb" } });
    await client.subscribe("/queue/a", { id: "even" });
    versions[0] = "1.0"; // the next session's
    await drop(broker);
    expect(live(broker)).toEqual(["even"]);
    const error = await failure(odd.ended);
    expect(error).toBeInstanceOf(TypeError);
    expect(told.at(-1)).toEqual({ type: "subscription-refused", error, destination: "/queue/a" });
    await client.disconnect();
  });
});
