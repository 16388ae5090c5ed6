import { expect, test } from "vitest";
import { drain, failure, sendAll, take, takeOne, texts } from "../support/messages.js";
import { freshQueue } from "../rabbitmq/with-rabbitmq.js";
import type { PeerMessage } from "./peer.js";
import { describePairs } from "./with-peers.js";

const FIVE = ["1", "2", "3", "4", "5"];
const octets = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = ({ body }: PeerMessage): string => new TextDecoder().decode(body);

describePairs("acknowledging", ({ version, ours, theirs }) => {
  /** Define a test where there is a NACK. */
  const withNack = (title: string, run: () => Promise<void>): void => {
    if (version !== "1.0") test(title, run);
  };

  test("what the peer acknowledged one by one does not come to us, the others come as redelivered", async () => {
    const destination = freshQueue();
    await using client = await ours();
    await sendAll(client, destination, FIVE);
    {
      await using peer = await theirs();
      await peer.subscribe(destination, "client-individual");
      const messages = await peer.take(5);
      expect(messages.map(textOf)).toEqual(FIVE);
      for (const message of messages.filter((_, index) => index % 2 === 1)) await peer.ack(message);
      await peer.drop();
    }
    const left = await drain(client, destination);
    expect(texts(left)).toEqual(["1", "3", "5"]);
    expect(left.map(({ redelivered }) => redelivered)).toEqual([true, true, true]);
  });

  test("an ack of the peer in the mode client is for all before it", async () => {
    const destination = freshQueue();
    await using client = await ours();
    await sendAll(client, destination, FIVE);
    {
      await using peer = await theirs();
      await peer.subscribe(destination, "client");
      const [, , third] = await peer.take(5);
      if (third !== undefined) await peer.ack(third);
      await peer.drop();
    }
    expect(texts(await drain(client, destination))).toEqual(["4", "5"]);
  });

  test.each(["client", "client-individual"] as const)(
    "what we took in the mode %s and did not acknowledge comes to the peer as redelivered",
    async (ack) => {
      const destination = freshQueue();
      await using peer = await theirs();
      for (const text of FIVE) await peer.send(destination, octets(text));
      {
        await using client = await ours();
        const messages = await take(await client.subscribe(destination, { ack }), 5);
        await messages[2]?.ack({ receipt: true });
      }
      await peer.subscribe(destination);
      const left = ack === "client" ? ["4", "5"] : ["1", "2", "4", "5"];
      const messages = await peer.take(left.length);
      expect(messages.map(textOf)).toEqual(left);
      expect(messages.every(({ headers }) => headers["redelivered"] === "true")).toBe(true);
    },
  );

  withNack("what the peer refuses comes to us as redelivered", async () => {
    const destination = freshQueue();
    await using client = await ours();
    await using peer = await theirs();
    await peer.subscribe(destination, "client-individual");
    await client.send(destination, "refused", { receipt: true });
    const [message] = await peer.take(1);
    // Two consumers: RabbitMQ gives it to the one that is next, so the peer refuses until it is ours.
    const subscription = await client.subscribe(destination, { ack: "client-individual", receipt: true });
    const mine = takeOne(subscription);
    if (message !== undefined) await peer.nack(message);
    const first = await Promise.race([
      mine,
      peer.take(1).then(async ([again]) => {
        await peer.drop();
        expect(again?.headers["redelivered"]).toBe("true");
        return mine;
      }),
    ]);
    expect([first.text(), first.redelivered]).toEqual(["refused", true]);
    await first.ack({ receipt: true });
  });

  withNack("what we refuse comes to the peer as redelivered", async () => {
    const destination = freshQueue();
    await using peer = await theirs();
    await peer.send(destination, octets("refused"));
    {
      await using client = await ours();
      const message = await takeOne(await client.subscribe(destination, { ack: "client-individual" }));
      expect(message.redelivered).toBe(false);
      await message.nack({ receipt: true });
    }
    await peer.subscribe(destination);
    const [again] = await peer.take(1);
    expect([again && textOf(again), again?.headers["redelivered"]]).toEqual(["refused", "true"]);
  });

  test("what the peer sends in a transaction comes to us with its commit, and never after an abort", async () => {
    const destination = freshQueue();
    await using client = await ours();
    await using peer = await theirs();
    const subscription = await client.subscribe(destination, { receipt: true });
    await peer.begin("aborted");
    await peer.send(destination, octets("never"), {}, "aborted");
    await peer.abort("aborted");
    await peer.begin("committed");
    for (const text of FIVE) await peer.send(destination, octets(text), {}, "committed");
    await peer.send(destination, octets("outside"));
    expect(texts(await take(subscription, 1))).toEqual(["outside"]);
    await peer.commit("committed");
    expect(texts(await take(subscription, 5))).toEqual(FIVE);
    await subscription.unsubscribe();
    expect(texts(await drain(client, destination))).toEqual([]);
  });

  test("what we send in a transaction comes to the peer with our commit, and never after an abort", async () => {
    const destination = freshQueue();
    await using client = await ours();
    await using peer = await theirs();
    await peer.subscribe(destination);
    await failure(
      client.transaction(async (transaction) => {
        await transaction.send(destination, "never");
        throw new Error("no");
      }),
    );
    const transaction = await client.begin();
    for (const text of FIVE) await transaction.send(destination, text);
    await client.send(destination, "outside", { receipt: true });
    await transaction.commit({ receipt: true });
    expect((await peer.take(6)).map(textOf)).toEqual(["outside", ...FIVE]);
  });

  test("acks of the peer in a transaction count with its commit", async () => {
    const destination = freshQueue();
    await using client = await ours();
    await sendAll(client, destination, ["aborted", "committed"]);
    {
      await using peer = await theirs();
      await peer.subscribe(destination, "client-individual");
      const [first, second] = await peer.take(2);
      if (first === undefined || second === undefined) throw new Error("there are no messages");
      await peer.begin("a");
      await peer.ack(first, "a");
      await peer.abort("a");
      await peer.begin("c");
      await peer.ack(second, "c");
      await peer.commit("c");
      await peer.drop();
    }
    expect(texts(await drain(client, destination))).toEqual(["aborted"]);
  });
});
