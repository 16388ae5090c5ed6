import { expect } from "vitest";
import { later } from "../support/later.js";
import { drain, takeOne, texts } from "../support/messages.js";
import { conform, holds } from "./conform.js";
import type { RawPeer } from "./raw-peer.js";

holds("a transaction that is aborted has sent nothing", async (at) => {
  await using client = await at.open();
  const queue = at.queue();
  const transaction = await client.begin();
  await transaction.send(queue, "never");
  await transaction.abort();
  expect(texts(await drain(client, queue))).toEqual([]);
});

holds("a transaction whose session ends has sent nothing", async (at) => {
  const queue = at.queue();
  const peer = await at.raw();
  peer.send("BEGIN", { transaction: "lost", receipt: "begun" });
  await peer.until(({ command }) => command === "RECEIPT");
  peer.send("SEND", { destination: queue, transaction: "lost" }, "never");
  peer.send("BEGIN", { transaction: "marker", receipt: "marker" });
  await peer.until(({ headers }) => headers.get("receipt-id") === "marker");
  await peer[Symbol.asyncDispose]();
  await using client = await at.open();
  expect(texts(await drain(client, queue))).toEqual([]);
});

holds("an ACK in a transaction counts once that is committed", async (at) => {
  const queue = at.queue();
  {
    await using client = await at.open();
    await client.send(queue, "taken", { receipt: true });
    const message = await takeOne(await client.subscribe(queue, { ack: "client-individual" }));
    await client.transaction(async (transaction) => {
      await transaction.ack(message);
      await transaction.send(queue, "an answer");
    });
  }
  await using client = await at.open();
  expect(texts(await drain(client, queue))).toEqual(["an answer"]);
});

conform("committed", async (at) => {
  await using client = await at.open();
  const queue = at.queue();
  const next = takeOne(await client.subscribe(queue, { receipt: at.receipt }));
  const transaction = await client.begin({ receipt: at.receipt });
  await transaction.send(queue, "in a transaction");
  if ((await Promise.race([next, later(1000)])) !== undefined) return "at once";
  await transaction.commit();
  expect((await next).text()).toBe("in a transaction");
  return "after COMMIT";
});

conform("receiptInside", async (at) => {
  await using peer = await at.raw();
  const receipts = await receiptsAround(peer, at.queue(), "COMMIT");
  if (receipts.startsWith("sent")) return "at once";
  if (receipts === "end sent") return "after that of COMMIT";
  return receipts === "end" || receipts === "" ? "never" : "before that of COMMIT";
});

conform("receiptAborted", async (at) => {
  await using peer = await at.raw();
  const receipts = await receiptsAround(peer, at.queue(), "ABORT");
  return receipts === "end" || receipts === "" ? "never" : "at once";
});

/** The receipts of a SEND in a transaction and of its end, in the order in which they come. */
async function receiptsAround(peer: RawPeer, destination: string, end: "COMMIT" | "ABORT"): Promise<string> {
  peer.send("BEGIN", { transaction: "t", receipt: "begun" });
  await peer.confirmed();
  peer.send("SEND", { destination, transaction: "t", receipt: "sent" }, "body");
  const got: string[] = [];
  const early = await peer.next(1500);
  if (typeof early === "object") got.push(early.headers.get("receipt-id") ?? early.command);
  peer.send(end, { transaction: "t", receipt: "end" });
  for (let event = await peer.next(3000); typeof event === "object"; event = await peer.next(3000)) {
    got.push(event.headers.get("receipt-id") ?? event.command);
    if (got.length === 2) break;
  }
  return got.join(" ");
}

conform("ackAborted", async (at) => {
  const queue = at.queue();
  {
    await using client = await at.open();
    const subscription = await client.subscribe(queue, { ack: "client-individual", receipt: at.receipt });
    await client.send(queue, "again", { receipt: at.receipt });
    const message = await takeOne(subscription);
    const transaction = await client.begin();
    await transaction.ack(message);
    await transaction.abort();
    const again = message.ack({ receipt: true, timeout: 6000 });
    if (
      await again.then(
        () => true,
        () => false,
      )
    ) {
      await client.disconnect();
      await using next = await at.open();
      expect(texts(await drain(next, queue))).toEqual([]);
      return "can be repeated";
    }
  }
  await using client = await at.open();
  return (await drain(client, queue)).length === 0 ? "has counted" : "cannot be repeated";
});

conform("beginTwice", async (at) => {
  await using peer = await at.raw();
  peer.send("BEGIN", { transaction: "t", receipt: "begun" });
  await peer.confirmed();
  return await peer.answerTo(() => {
    peer.send("BEGIN", { transaction: "t", receipt: "subject" });
  });
});

conform("unknownTransaction", async (at) => {
  await using peer = await at.raw();
  return await peer.answerTo(() => {
    peer.send("SEND", { destination: at.queue(), transaction: "none", receipt: "subject" }, "body");
  });
});
