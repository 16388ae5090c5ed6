import { expect } from "vitest";
import { type Client, type Message, ReplyTimeoutError, type Subscription } from "../../src/index.js";
import { later } from "../support/later.js";
import { failure, sendAll, take, takeOne, texts } from "../support/messages.js";
import { type Case, conform, holds } from "./conform.js";
import { expected } from "./subject.js";

holds("a topic has every subscriber get every message, a queue one of them", async (at) => {
  await using client = await at.open();
  const topic = at.topic();
  const both = [await client.subscribe(topic, { receipt: true }), await client.subscribe(topic, { receipt: true })];
  await sendAll(client, topic, ["1", "2"]);
  for (const one of both) expect(texts(await take(one, 2))).toEqual(["1", "2"]);
  const queue = at.queue();
  const seen: string[] = [];
  const all = new Promise<void>((resolve) => {
    const note = (message: { text(): string }): void => {
      if (seen.push(message.text()) === 4) resolve();
    };
    void client.subscribe(queue, note);
    void client.subscribe(queue, note);
  });
  await sendAll(client, queue, ["1", "2", "3", "4"]);
  await all;
  expect(seen.sort()).toEqual(["1", "2", "3", "4"]);
});

holds("after the receipt of UNSUBSCRIBE nothing comes, and the session goes on", async (at) => {
  await using client = await at.open();
  const topic = at.topic();
  const seen: string[] = [];
  let noted = (): void => undefined;
  const first = new Promise<void>((resolve) => (noted = resolve));
  const note = (message: Message): void => {
    seen.push(message.text());
    noted();
  };
  const subscription = await client.subscribe(topic, note, { receipt: true });
  const other = await client.subscribe(topic, { receipt: true });
  await client.send(topic, "1", { receipt: true });
  await Promise.all([first, takeOne(other)]);
  await subscription.unsubscribe({ receipt: true });
  await client.send(topic, "2", { receipt: true });
  await takeOne(other);
  expect(seen).toEqual(["1"]);
});

holds(
  "an UNSUBSCRIBE while messages pour in does not break the session",
  async (at) => {
    await using client = await at.open({ heartBeat: { outgoing: 0 } });
    const queue = at.queue();
    await sendAll(
      client,
      queue,
      Array.from({ length: 300 }, (_, index) => String(index)),
    );
    const subscription = await client.subscribe(queue);
    await takeOne(subscription);
    await subscription.unsubscribe({ receipt: true });
    const other = at.queue();
    await client.send(other, "goes on", { receipt: true });
    expect((await takeOne(await client.subscribe(other))).text()).toBe("goes on");
  },
  ["receipts", "queues", "calm unsubscribing"],
);

conform("selector", async (at) => {
  await using client = await at.open();
  const queue = at.queue();
  const subscription = await client.subscribe(queue, { headers: { selector: "kind = 'b'" }, receipt: at.receipt });
  for (const kind of ["a", "b"]) await client.send(queue, kind, { headers: { kind }, receipt: at.receipt });
  return (await takeOne(subscription)).text() === "b" ? "selects" : "is ignored";
});

conform("badSelector", async (at) => {
  await using peer = await at.raw();
  return await peer.answerTo(() => {
    peer.send("SUBSCRIBE", { destination: at.queue(), id: "1", selector: "kind = = 'b'", receipt: "subject" });
  });
});

conform("wildcards", async (at) => {
  await using client = await at.open();
  const got = async (pattern: string, path: string): Promise<boolean> => {
    const base = at.topic();
    const { receipt } = at;
    const subscription = await client.subscribe(`${base}${pattern}`, { receipt });
    const control = await client.subscribe(`${base}${path}`, { receipt });
    await client.send(`${base}${path}`, "by the pattern", { receipt });
    await takeOne(control);
    return (await Promise.race([takeOne(subscription), later(1000)])) !== undefined;
  };
  const [star, starDeep, hash, greater] = await Promise.all([
    got(".*", ".a"),
    got(".*", ".a.b"),
    got(".#", ".a.b"),
    got(".>", ".a.b"),
  ]);
  if (!star) return "none";
  if (starDeep) {
    expect([await got("/*", "/a/b"), await got("/**", "/a/b")]).toEqual([false, true]);
    return "`*` is any text, `**` too across slashes";
  }
  if (hash && greater) return "`*` is a word, `>` and `#` any number of words";
  expect(hash || greater).toBe(true);
  return hash ? "`*` is a word, `#` any number of words" : "`*` is a word, `>` any number of words";
});

conform("durable", async (at) => {
  const { durable } = at.subject;
  if (durable === undefined) return "there is none";
  const name = at.name();
  const topic = at.topic();
  const open = (): Promise<Client> => at.open({ headers: durable.connect(name) });
  const subscribe = (client: Client): Promise<Subscription> => {
    const { id, ...headers } = durable.subscribe(name);
    return client.subscribe(topic, { ...(id === undefined ? {} : { id }), headers, ack: "client", receipt: true });
  };
  {
    await using client = await open();
    await subscribe(client);
  }
  {
    await using client = await at.open();
    await client.send(topic, "while it was away", { headers: { persistent: "true" }, receipt: true });
  }
  await using client = await open();
  const subscription = await subscribe(client);
  const message = await takeOne(subscription);
  await message.ack({ receipt: true });
  expect(message.text()).toBe("while it was away");
  await durable.remove(subscription, client, name);
  return "gets what came while it was away";
});

conform("prefetch", async (at) => {
  await using client = await at.open();
  const queue = at.queue();
  const bodies = Array.from({ length: 60 }, (_, index) => String(index).padStart(200, "0"));
  await sendAll(client, queue, bodies);
  const one = await client.subscribe(queue, { ack: "client-individual", prefetch: 1, receipt: true });
  await (await takeOne(one)).ack({ receipt: true });
  await takeOne(one);
  await later(500);
  if (one.unread > 0) return "is ignored";
  await one.unsubscribe({ receipt: true });
  const four = await client.subscribe(queue, { ack: "client-individual", prefetch: 4, receipt: true });
  const taken = [await takeOne(four)];
  await later(1500);
  if (four.unread === 0) return "one message at a time, whatever it is";
  if (four.unread > 40) return "is ignored";
  if (four.unread !== 3) return "bounds the octets that are on their way";
  taken.push(...(await take(four, 3)));
  for (const message of taken) await message.ack({ receipt: true });
  await take(four, 4);
  await later(500);
  expect(four.unread).toBe(0);
  return "bounds what is on its way";
});

conform("forbiddenSubscribe", async (at) => {
  await using peer = await at.raw(at.subject.limited ?? {});
  return await peer.answerTo(() => {
    peer.send("SUBSCRIBE", { destination: "/queue/closed", id: "1", receipt: "subject" });
  });
});

holds(
  "a SUBSCRIBE without the right to ends with an error, not by its time-out, and no UNSUBSCRIBE follows",
  async (at) => {
    await using client = await at.open(at.subject.limited);
    const sent: string[] = [];
    client.onFrame(({ direction, frame }) => {
      if (direction === "out") sent.push(frame.command);
    });
    const subscribed = client.subscribe("/queue/closed", { receipt: true });
    const error = await failure(subscribed.then((subscription) => subscription.ended));
    expect(error).toMatchObject({ code: expect.stringMatching(/^(server|connection-lost)$/) as string });
    expect(sent).toEqual(["SUBSCRIBE"]); // there is nothing that an UNSUBSCRIBE could end
  },
  // Where the ERROR names nothing and the session goes on, nobody can know which of the frames under way it is about.
  (at) => {
    const answer = expected(at.subject.expects.forbiddenSubscribe, at);
    return at.subject.limited !== undefined && answer?.includes("ERROR that names nothing; goes on") === false;
  },
);

conform("duplicateId", async (at) => {
  await using peer = await at.raw();
  peer.send("SUBSCRIBE", { destination: at.queue(), id: "1", receipt: "first" });
  await peer.confirmed();
  return await peer.answerTo(() => {
    peer.send("SUBSCRIBE", { destination: at.queue(), id: "1", receipt: "subject" });
  });
});

conform("unknownUnsubscribe", async (at) => {
  await using peer = await at.raw();
  return await peer.answerTo(() => {
    peer.send("UNSUBSCRIBE", { id: "nothing", receipt: "subject" });
  });
});

conform("request", async (at) => {
  await using responder = await at.open();
  await using client = await at.open();
  const queue = at.queue();
  await responder.respond(queue, (message) => message.text().toUpperCase(), { receipt: at.receipt });
  await settle(responder, at);
  const ask = (text: string, replyTo?: string, timeout = 10_000): Promise<Message> =>
    client.request(queue, text, { timeout, ...(replyTo === undefined ? {} : { replyTo }) });
  const first = await failure(ask("a", undefined, 3000));
  const knows = !(first instanceof TypeError || first instanceof ReplyTimeoutError);
  const replyTo = knows ? undefined : at.queue();
  expect(texts(await Promise.all(["a", "b", "c"].map((text) => ask(text, replyTo))))).toEqual(["A", "B", "C"]);
  return knows ? "work" : "need `replyTo`";
});

/** Wait until the broker has handled what a client has sent; it need not have receipts. */
async function settle(client: Client, at: Case): Promise<void> {
  const subscription = await client.subscribe(at.topic());
  await client.send(subscription.destination, "");
  await takeOne(subscription);
}
