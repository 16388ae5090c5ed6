import { expect, test } from "vitest";
import { texts } from "../support/messages.js";
import { freshQueue } from "../rabbitmq/with-rabbitmq.js";
import { describePairs } from "./with-peers.js";

const octets = (text: string): Uint8Array => new TextEncoder().encode(text);

describePairs("requests", ({ kind, ours, theirs }) => {
  test("of ours are answered by the peer, many at once", async () => {
    await using peer = await theirs();
    await using client = await ours();
    const destination = freshQueue();
    await peer.respond(destination);
    const asked = Array.from({ length: 50 }, (_, index) => `ask ${index}`);
    const replies = await Promise.all(asked.map((body) => client.request(destination, body)));
    expect(texts(replies)).toEqual(asked.map((body) => body.toUpperCase()));
    expect(replies.every(({ headers }) => headers.get("x-by") === kind.name)).toBe(true);
    expect(client.metrics()).toMatchObject({ messagesDropped: 0, requestsPending: 0 });
  });

  test("of the peer are answered by us, each with its correlation-id", async () => {
    await using peer = await theirs();
    await using client = await ours();
    const [destination, replies] = [freshQueue(), freshQueue()];
    await client.respond(destination, (message) => `re: ${message.text()}`, { receipt: true });
    await peer.subscribe(replies);
    for (const id of ["a", "b", "c"]) {
      await peer.send(destination, octets(id), { "reply-to": replies, "correlation-id": `id-${id}` });
    }
    const answers = await peer.take(3);
    expect(answers.map(({ headers, body }) => [headers["correlation-id"], new TextDecoder().decode(body)])).toEqual([
      ["id-a", "re: a"],
      ["id-b", "re: b"],
      ["id-c", "re: c"],
    ]);
  });

  test("may be answered in a queue of the caller's choice", async () => {
    await using peer = await theirs();
    await using client = await ours();
    const [destination, replyTo] = [freshQueue(), freshQueue()];
    const question = client.request(destination, "x", { replyTo });
    await peer.respond(destination);
    expect((await question).text()).toBe("X");
  });
});
