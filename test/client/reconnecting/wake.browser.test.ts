import { expect, test } from "vitest";
import { BaseClient } from "../../../src/client/client.js";
import { ScriptedBroker } from "../../support/scripted-broker.js";

test("a page that is online again, or looked at again, does not wait for its next attempt", async () => {
  const broker = new ScriptedBroker();
  const client = new BaseClient(broker.dial, { heartBeat: false, reconnect: () => 3_600_000 });
  await client.connect();
  for (const sign of [
    () => dispatchEvent(new Event("online")),
    () => document.dispatchEvent(new Event("visibilitychange")),
    () => dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })),
  ]) {
    const waiting = new Promise<void>((resolve) => {
      const unlisten = client.onStatus(({ type }) => {
        if (type !== "reconnecting") return;
        unlisten();
        setTimeout(resolve); // the wait has begun then
      });
    });
    broker.transport.abort(new Error("cable cut"));
    await waiting;
    expect(client.state).toBe("reconnecting");
    sign();
    await client.connect(); // joins the attempt
    expect(client.state).toBe("connected");
  }
  expect(client.metrics().reconnects).toBe(3);
  await client.disconnect();
});
