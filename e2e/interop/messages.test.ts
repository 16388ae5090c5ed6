import { isUtf8 } from "node:buffer";
import { expect, test } from "vitest";
import { takeOne } from "../support/messages.js";
import { freshQueue } from "../rabbitmq/with-rabbitmq.js";
import { describePairs } from "./with-peers.js";

const octets = (text: string): Uint8Array => new TextEncoder().encode(text);

const VALUES = {
  plain: "value",
  empty: "",
  unicode: "grün 日本語 😀",
  colons: "http://x:1/?a=b:c",
  spaces: " both ",
  backslash: "a\\b\\\\",
  "no-escape": "a\\nb\\cc",
  "line-feed": "a\nb",
  return: "a\rb\r\nc",
} as const;

const BODIES: Readonly<Record<string, Uint8Array>> = {
  text: octets("hello"),
  unicode: octets("grün 日本語 😀"),
  json: octets(JSON.stringify({ a: [1, "é", null] })),
  empty: new Uint8Array(),
  "line ends": octets("\n\r\n\n"),
  binary: Uint8Array.from({ length: 512 }, (_, index) => index % 256),
  NULs: new Uint8Array(64),
  "1 MiB of text": octets("0123456789abcdé".repeat(65_536)),
  "1 MiB": Uint8Array.from({ length: 1_048_576 }, (_, index) => (index * 31 + (index >> 8)) % 256),
};

const same = (a: Uint8Array, b: Uint8Array | undefined): boolean => b !== undefined && Buffer.compare(a, b) === 0;

describePairs("messages", ({ kind, version, ours, theirs }) => {
  // What the version can express: in 1.0 nothing is escaped, in 1.1 all but CR.
  const expressible = Object.entries(VALUES).filter(
    ([, value]) => version === "1.2" || !(version === "1.0" ? /[\\\n\r]|^ / : /\r/).test(value),
  );

  test("header values of ours reach the peer as it reads them", async () => {
    await using peer = await theirs();
    await using client = await ours();
    const destination = freshQueue();
    await client.send(destination, "x", { headers: expressible, receipt: true });
    await peer.subscribe(destination);
    const [message] = await peer.take(1);
    expect(expressible.map(([name]) => [name, message?.headers[name]])).toEqual(
      expressible.map(([name, value]) => [name, kind.reads(version, value)]),
    );
  });

  test("header values of the peer reach us, as far as it can write them", async () => {
    await using peer = await theirs();
    await using client = await ours();
    const destination = freshQueue();
    const written = expressible.filter(([, value]) => kind.writes(version, value));
    await peer.send(destination, octets("x"), Object.fromEntries(written));
    const { headers } = await takeOne(await client.subscribe(destination));
    expect(written.map(([name]) => [name, headers.get(name)])).toEqual(written);
  });

  const readable = Object.entries(BODIES).filter(([, body]) => kind.readsOctets || isUtf8(body));
  test.each(readable)("a body of ours reaches the peer octet by octet: %s", async (name, body) => {
    await using peer = await theirs();
    await using client = await ours();
    const destination = freshQueue();
    await client.send(destination, body, { headers: { "content-type": `x/${name.replace(" ", "-")}` }, receipt: true });
    await peer.subscribe(destination);
    const [message] = await peer.take(1);
    expect(same(body, message?.body)).toBe(true);
    expect(message?.headers["content-type"]).toBe(`x/${name.replace(" ", "-")}`);
    // RabbitMQ leaves the length of an empty body out.
    expect(message?.headers["content-length"]).toBe(body.length === 0 ? undefined : String(body.length));
  });

  test.each(Object.entries(BODIES))("a body of the peer reaches us octet by octet: %s", async (_, body) => {
    await using peer = await theirs();
    await using client = await ours();
    const destination = freshQueue();
    await peer.send(destination, body, { "content-type": "text/plain;charset=utf-8" });
    const message = await takeOne(await client.subscribe(destination));
    expect(same(body, message.bytes)).toBe(true);
    expect(message.contentType).toBe("text/plain;charset=utf-8");
    expect(message.headers.get("content-length")).toBe(body.length === 0 ? undefined : String(body.length));
  });

  test("texts are read as texts, and JSON as JSON", async () => {
    await using peer = await theirs();
    await using client = await ours();
    const destination = freshQueue();
    const subscription = await client.subscribe(destination);
    await peer.send(destination, octets('{"grün":"😀"}'), { "content-type": "application/json" });
    const message = await takeOne(subscription);
    expect(message.text()).toBe('{"grün":"😀"}');
    expect(message.json()).toEqual({ grün: "😀" });
  });
});
