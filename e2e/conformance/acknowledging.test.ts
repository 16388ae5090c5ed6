import { expect } from "vitest";
import { later } from "../support/later.js";
import { drain, sendAll, take, takeOne, texts } from "../support/messages.js";
import { type Case, conform, holds } from "./conform.js";

const FIVE = ["1", "2", "3", "4", "5"];

holds("in the mode auto what was delivered does not come again", async (at) => {
  const queue = at.queue();
  {
    await using client = await at.open();
    await sendAll(client, queue, FIVE);
    await take(await client.subscribe(queue), 5);
  }
  await using client = await at.open();
  expect(texts(await drain(client, queue))).toEqual([]);
});

conform("cumulative", async (at) => {
  const left = await leftAfter(at, "client", [2]);
  if (left === "4 5") return "yes";
  if (left === "") return "there are no acknowledgements";
  expect(left).toBe("1 2 4 5");
  return "no";
});

conform("individual", async (at) => {
  const left = await leftAfter(at, "client-individual", [1, 3]);
  if (left === "1 3 5") return "yes";
  if (left === "") return "there are no acknowledgements";
  expect(left).toBe("5");
  return "no";
});

/** What is left of five messages after some of them, by index, were acknowledged and the session has ended. */
async function leftAfter(at: Case, ack: "client" | "client-individual", acked: readonly number[]): Promise<string> {
  const queue = at.queue();
  {
    await using client = await at.open();
    const subscription = await client.subscribe(queue, { ack, receipt: at.receipt });
    await at.sendAll(client, queue, FIVE);
    const messages = await take(subscription, 5);
    for (const index of acked) await messages[index]?.ack({ receipt: at.receipt });
  }
  return texts(await at.left(queue)).join(" ");
}

conform("nack", async (at) => {
  await using client = await at.open();
  const queue = at.queue();
  const { receipt } = at;
  const subscription = await client.subscribe(queue, { ack: "client-individual", receipt });
  await client.send(queue, "refused", { headers: { persistent: "true" }, receipt });
  const message = await takeOne(subscription);
  await message.nack({ receipt });
  const dead = at.subject.deadLetters?.(queue);
  const again = takeOne(subscription).then((same) => same.ack({ receipt: true }).then(() => "again"));
  const buried = dead === undefined ? new Promise<never>(() => undefined) : find(at, dead, queue);
  const fate = await Promise.race([again, buried, later(3000)]);
  if (fate === "again") return "comes again at once";
  if (fate === "buried") return "is in the dead letter queue";
  await client.disconnect();
  return (await at.left(queue)).length === 0 ? "is gone" : "is as unacknowledged as before";
});

/** Read dead letters until one is of a queue. */
async function find(at: Case, dead: string, queue: string): Promise<string> {
  await using client = await at.open();
  for await (const message of await client.subscribe(dead, { ack: "client-individual" })) {
    const values = [...message.headers.values()];
    const name = queue.slice("/queue/".length);
    if (!dead.includes(name) && !values.some((value) => value.endsWith(name))) continue;
    await message.ack({ receipt: true });
    return "buried";
  }
  throw new Error("the subscription ended");
}

conform("redelivered", async (at) => {
  const queue = at.queue();
  {
    await using client = await at.open();
    const subscription = await client.subscribe(queue, { ack: "client", receipt: at.receipt });
    await client.send(queue, "again", { receipt: at.receipt });
    await takeOne(subscription);
  }
  const [message] = await at.left(queue);
  if (message === undefined) return "there is none";
  return message.redelivered ? "has `redelivered:true`" : "has nothing that says so";
});

conform("unsubscribed", async (at) => {
  await using other = await at.open();
  const queue = at.queue();
  {
    await using client = await at.open();
    const { receipt } = at;
    const subscription = await client.subscribe(queue, { ack: "client-individual", receipt });
    await client.send(queue, "unacknowledged", { receipt });
    await takeOne(subscription);
    await subscription.unsubscribe({ receipt });
    const next = takeOne(await other.subscribe(queue, { receipt })).catch(() => undefined);
    if ((await Promise.race([next, later(1000)])) !== undefined) return "goes to the next consumer";
    await client.disconnect();
    if ((await Promise.race([next, later(5000)])) !== undefined) return "stays out until the session ends";
  }
  return "is gone";
});

conform("unknownAck", async (at) => {
  await using peer = await at.raw();
  peer.send("SUBSCRIBE", { destination: at.queue(), id: "1", ack: "client-individual", receipt: "ready" });
  await peer.confirmed();
  return await peer.answerTo(() => {
    const id = at.version === "1.2" ? { id: "nothing" } : { "message-id": "nothing", subscription: "1" };
    peer.send("ACK", { ...id, receipt: "subject" });
  });
});

conform("ackTwice", async (at) => {
  await using peer = await at.raw();
  const destination = at.queue();
  peer.send("SUBSCRIBE", { destination, id: "1", ack: "client-individual", receipt: "ready" });
  await peer.confirmed();
  peer.send("SEND", { destination }, "body");
  const { headers } = await peer.until(({ command }) => command === "MESSAGE");
  const id: Record<string, string> =
    at.version === "1.2"
      ? { id: headers.get("ack") ?? "" }
      : { "message-id": headers.get("message-id") ?? "", subscription: "1" };
  peer.send("ACK", { ...id, receipt: "once" });
  await peer.confirmed();
  return await peer.answerTo(() => {
    peer.send("ACK", { ...id, receipt: "subject" });
  });
});
