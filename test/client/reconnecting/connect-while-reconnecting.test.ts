import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { failure } from "../../support/connected.js";
import { cut, kept } from "../../support/patient.js";
import { statusesOf } from "../../support/statuses.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0); // whatever a test did, no timer is left behind
  vi.useRealTimers();
});

describe("connect() while reconnecting", () => {
  test("joins, and resolves with the next session", async () => {
    const { broker, client } = await kept();
    await cut(broker);
    const joined = Promise.all([client.connect(), client.connect()]);
    await vi.advanceTimersByTimeAsync(1000);
    await joined;
    expect(broker.dialled).toBe(2);
    await client.disconnect();
  });

  test("ends the attempts with its signal", async () => {
    const { broker, client } = await kept();
    const subscription = await client.subscribe("/queue/a");
    const told = statusesOf(client);
    await cut(broker);
    const controller = new AbortController();
    const joined = failure(client.connect({ signal: controller.signal }));
    const other = failure(client.connect());
    controller.abort("enough");
    expect(await joined).toBe("enough");
    expect(await other).toBe("enough");
    expect(client.state).toBe("disconnected");
    const reason = { code: "connect", message: "connecting was given up: enough", cause: "enough" };
    expect(told.at(-1)).toMatchObject({ type: "disconnected", reason, reconnects: false });
    expect(await failure(subscription.ended)).toMatchObject(reason);
  });

  test("with a signal that is aborted already leaves what is under way alone", async () => {
    const { broker, client } = await kept();
    await cut(broker);
    await expect(client.connect({ signal: AbortSignal.abort("no") })).rejects.toBe("no");
    expect(client.state).toBe("reconnecting");
    await vi.advanceTimersByTimeAsync(1000);
    expect(client.state).toBe("connected");
    await client.disconnect();
  });

  test("leaves no listener on its signal", async () => {
    const { broker, client } = await kept();
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, "addEventListener");
    const removed = vi.spyOn(signal, "removeEventListener");
    await cut(broker);
    const joined = client.connect({ signal });
    await vi.advanceTimersByTimeAsync(1000);
    await joined;
    expect(added).toHaveBeenCalledTimes(1);
    expect(removed).toHaveBeenCalledTimes(1);
    expect(removed.mock.calls[0]?.[1]).toBe(added.mock.calls[0]?.[1]);
    await client.disconnect();
  });
});
