/** A transport may answer before its `send` returns. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { BaseClient } from "../../../src/client/client.js";
import type { ClientOptions } from "../../../src/client/options/options.js";
import { ConnectionLostError, ServerError } from "../../../src/errors.js";
import { failure } from "../../support/connected.js";
import { InstantBroker } from "../../support/odd-transports.js";
import { settled } from "../../support/scripted-broker.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0); // nothing is waited for
  vi.useRealTimers();
});

async function instant(options: ClientOptions = {}): Promise<{ client: BaseClient; broker: InstantBroker }> {
  const broker = new InstantBroker();
  const client = new BaseClient(broker.dial, { heartBeat: false, reconnect: false, ...options });
  await client.connect();
  return { client, broker };
}

describe("an answer that comes before send returns", () => {
  test("is the receipt of every frame that asks for one", async () => {
    const { client, broker } = await instant();
    const receipt = true;
    await client.send("/queue/a", "x", { receipt });
    await client.send("/queue/a", new Uint8Array(20_000), { receipt: "mine" });
    await client.sendFrame("SEND", { destination: "/queue/a", receipt: "header" });
    const subscription = await client.subscribe("/queue/a", { receipt });
    const transaction = await client.begin({ receipt });
    await transaction.send("/queue/a", "x", { receipt });
    await transaction.commit();
    await (await client.begin()).abort();
    await client.transaction((one) => one.send("/queue/a", "x"));
    await subscription.unsubscribe({ receipt });
    expect(client.metrics().receiptsPending).toBe(0);
    await client.disconnect();
    expect(broker.received.at(-1)?.command).toBe("DISCONNECT");
  });

  test("may be an ERROR that names the receipt, or the end of the connection", async () => {
    const { client, broker } = await instant();
    broker.answer = ({ headers }) => {
      broker.send("ERROR", { message: "no", "receipt-id": headers.get("receipt") });
    };
    expect(await failure(client.send("/queue/a", "x", { receipt: true }))).toBeInstanceOf(ServerError);
    broker.answer = () => {
      broker.end(new Error("cable cut"));
    };
    const lost = await failure(client.send("/queue/a", "x", { receipt: true }));
    expect(lost).toBeInstanceOf(ConnectionLostError);
    expect(lost).toMatchObject({ outcome: "unknown" });
    expect(client.state).toBe("disconnected");
  });

  test("confirms what the outbox sends, however much waits there", async () => {
    const broker = new InstantBroker();
    const client = new BaseClient(broker.dial, { heartBeat: false, reconnect: false, delivery: "at-least-once" });
    const sent = Array.from({ length: 5000 }, (_, index) => client.send("/queue/a", String(index)));
    await client.connect();
    await Promise.all(sent);
    await client.send("/queue/a", "5000");
    expect(broker.received.filter(({ command }) => command === "SEND").map((frame) => frame.text())).toEqual(
      Array.from({ length: 5001 }, (_, index) => String(index)),
    );
    expect(vi.getTimerCount()).toBe(0);
    await client.disconnect();
  });

  test("may end each session, and the outbox sends again", async () => {
    const { client, broker } = await instant({ delivery: "at-least-once", reconnect: () => 10 });
    const confirm = broker.answer;
    broker.answer = () => {
      broker.end(new Error("cable cut"));
    };
    const sent = client.send("/queue/a", "x");
    await vi.advanceTimersByTimeAsync(30);
    broker.answer = confirm;
    await vi.advanceTimersByTimeAsync(20);
    await sent;
    await client.disconnect();
  });
});

describe("a frame that cannot be encoded", () => {
  test("leaves no wait for its receipt, and no unhandled rejection", async () => {
    const { client, broker } = await instant();
    const headers = { a: "\0" };
    const receipt = "r";
    const ends = [
      client.send("/queue/a", "x", { headers, receipt }),
      client.send("/queue/a", "\0", { contentLength: false, receipt }),
      client.sendFrame("SEND", { destination: "/queue/a", ...headers }, "x", { receipt }),
      client.begin({ headers, receipt }),
    ];
    for (const end of ends) expect(await failure(end)).toBeInstanceOf(TypeError);
    expect(client.metrics().receiptsPending).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
    expect(broker.received).toHaveLength(1);
    await client.send("/queue/a", "x", { receipt }); // the id is free
    await settled();
    await client.disconnect();
  });

  test("is no reason to wait in disconnect()", async () => {
    const { client, broker } = await instant();
    broker.answer = () => undefined;
    expect(await failure(client.send("/queue/a", "x", { headers: { a: "\0" }, receipt: true }))).toBeInstanceOf(
      TypeError,
    );
    const disconnecting = failure(client.disconnect({ headers: { a: "\0" } }));
    await settled();
    expect(await disconnecting).toBeInstanceOf(TypeError);
    expect(client.state).toBe("disconnected");
  });

  test("makes subscribe and connect reject", async () => {
    const { client } = await instant();
    const headers = { a: "\0" };
    expect(await failure(client.subscribe("/queue/a", { headers, receipt: true }))).toBeInstanceOf(TypeError);
    expect(client.metrics()).toMatchObject({ receiptsPending: 0, subscriptions: 0 });
    await client.disconnect();
    const other = new BaseClient(new InstantBroker().dial, { heartBeat: false, headers: () => ({ a: "\0" }) });
    expect(await failure(other.connect())).toBeInstanceOf(TypeError);
    await other.disconnect();
  });
});
