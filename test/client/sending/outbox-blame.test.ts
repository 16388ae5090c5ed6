import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ServerError } from "../../../src/errors.js";
import type { ClientFrame } from "../../../src/protocol/index.js";
import { failure } from "../../support/connected.js";
import { Keeping } from "../../support/keeping.js";
import { settled } from "../../support/scripted-broker.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0); // whatever a test did, no timer is left behind
  vi.useRealTimers();
});

/** A broker that ends the session over what it does not want, and hears nothing of that session any more. */
function picky(isUnwanted: (frame: ClientFrame) => boolean): Keeping {
  let isDeaf = false;
  const kept: Keeping = new Keeping(
    {},
    {
      onFrame: (frame, broker) => {
        if (frame.command === "CONNECT") isDeaf = false;
        const receipt = frame.headers.get("receipt");
        if (isDeaf || receipt === undefined || frame.command === "DISCONNECT") return;
        isDeaf = isUnwanted(frame);
        if (isDeaf) kept.refuse(`no ${frame.command}`);
        else broker.send("RECEIPT", { "receipt-id": receipt });
      },
    },
  );
  return kept;
}

test("a message is not blamed for a subscription that ends each session", async () => {
  const kept = picky((frame) => frame.headers.get("destination") === "/queue/bad");
  const bad = await kept.client.subscribe("/queue/bad");
  const sent = failure(kept.client.send("/queue/a", "1"));
  await kept.client.connect();
  for (let i = 0; i < 6; i++) await kept.again();
  expect(bad.isLive).toBe(false);
  expect(await sent).toBe("resolved");
  expect(kept.told.filter(({ type }) => type === "subscription-refused")).toHaveLength(1);
  await kept.client.disconnect();
});

test("subscriptions are not blamed for a message that ends each session", async () => {
  const kept = picky((frame) => frame.text() === "poison");
  const subscriptions = await Promise.all(
    ["/queue/b", "/queue/c", "/queue/d"].map((one) => kept.client.subscribe(one)),
  );
  const sends = ["poison", "1"].map((body) => failure(kept.client.send("/queue/a", body)));
  await kept.client.connect();
  for (let i = 0; i < 6; i++) await kept.again();
  expect(subscriptions.map(({ isLive }) => isLive)).toEqual([true, true, true]);
  expect(await sends[0]).toBeInstanceOf(ServerError);
  expect(await sends[0]).toMatchObject({ message: "no SEND" });
  expect(await sends[1]).toBe("resolved");
  await kept.client.disconnect();
});

test("a message and a subscription that both end sessions are both found", async () => {
  const kept = picky((frame) => frame.text() === "poison" || frame.headers.get("destination") === "/queue/bad");
  const [good, bad] = await Promise.all(["/queue/good", "/queue/bad"].map((one) => kept.client.subscribe(one)));
  const sends = ["1", "poison", "2"].map((body) => failure(kept.client.send("/queue/a", body)));
  await kept.client.connect();
  for (let i = 0; i < 12; i++) await kept.again();
  expect([good?.isLive, bad?.isLive]).toEqual([true, false]);
  expect(await Promise.all(sends)).toEqual(["resolved", expect.any(ServerError), "resolved"]);
  await settled();
  await kept.client.disconnect();
});
