/** What is left after a crash. Each of these brokers is one of its own: the others are shared. */
import { describe, expect, inject, test } from "vitest";
import { connect } from "../../src/index.js";
import { type KindId, KINDS } from "../brokers/kinds.js";
import { drain, texts } from "../support/messages.js";
import { behaviour } from "./catalogue.js";
import type { Subject } from "./subject.js";
import { SUBJECTS } from "./subjects.js";

const brokers = inject("brokers");

describe.each(Object.entries(SUBJECTS) as [KindId, Subject][])("%s", (id, { title, login, expects }) => {
  const answer = expects.crash;
  if (typeof answer !== "string") return;
  const place = brokers[id];
  const name = `${title}: ${behaviour("crash").title}: ${answer}`;

  if (typeof place === "string") {
    test.skip(`${name} (there is none: ${place})`);
    return;
  }
  test(name, async () => {
    await using broker = await KINDS[id].start();
    const target = broker.address.endpoints.tcp ?? "";
    const queue = "/queue/crash";
    const kept = { headers: { persistent: "true" }, receipt: true };
    {
      await using client = await connect(target, { ...login, reconnect: false });
      for (let n = 0; n < 20; n++) {
        await client.send(queue, `persistent ${String(n)}`, kept);
        await client.send(queue, `not ${String(n)}`, { receipt: true });
      }
    }
    await broker.signal("SIGKILL");
    await broker.restart();
    await using client = await connect(target, { ...login, reconnect: false });
    const left = texts(await drain(client, queue));
    const persistent = left.filter((text) => text.startsWith("persistent"));
    const all = left.length === 40 ? "all are there" : undefined;
    const some = persistent.length === 20 && left.length === 20 ? "those with `persistent:true` are there" : undefined;
    expect(all ?? some ?? `${String(left.length)}, ${String(persistent.length)} of them persistent`).toBe(answer);
  });
});
