/** What goes out is what was given at the call, whatever the caller does with its memory afterwards. */
import { describe, expect, test } from "vitest";
import { BaseClient } from "../../../src/client/client.js";
import type { ClientOptions } from "../../../src/client/options/options.js";
import type { FrameEvent } from "../../../src/client/observing/frame-listeners.js";
import { failure } from "../../support/connected.js";
import { LateTransport } from "../../support/odd-transports.js";
import { ScriptedBroker, settled } from "../../support/scripted-broker.js";

interface Late {
  readonly client: BaseClient;
  readonly broker: ScriptedBroker;
  readonly transport: LateTransport;
}

/** A client whose frames are written only when a test says so. */
async function late(kind: "stream" | "messages", options: ClientOptions = {}): Promise<Late> {
  const broker = new ScriptedBroker({ memory: { kind } });
  const transports: LateTransport[] = [];
  const client = new BaseClient(
    async (signal) => {
      const transport = new LateTransport(await broker.dial(signal));
      transports.push(transport);
      return transport;
    },
    { heartBeat: false, reconnect: false, ...options },
  );
  const connecting = client.connect();
  for (let i = 0; i < 10 && (transports[0]?.given.length ?? 0) === 0; i++) await settled();
  const [transport] = transports;
  if (transport === undefined) throw new Error("nobody has dialled");
  transport.release();
  await connecting;
  transport.isReleased = false;
  transport.given.length = 0;
  return { client, broker, transport };
}

const SIZES = [1, 1000, 16_383, 16_384, 100_000];

/** Octets that are no UTF-8, and some that are. */
const CONTENTS: Readonly<Record<string, (index: number) => number>> = {
  binary: (index) => (index * 7 + 0x80) & 0xff,
  ASCII: (index) => 0x20 + (index % 64),
};

/** How memory is given, and how a caller writes into it afterwards. */
const GIVEN: Readonly<Record<string, (octets: Uint8Array<ArrayBuffer>) => [Uint8Array | ArrayBuffer, () => void]>> = {
  "a Uint8Array": (octets) => [octets, () => octets.fill(0x21)],
  "a view of a larger buffer": (octets) => {
    const whole = new Uint8Array(octets.length + 20);
    whole.set(octets, 7);
    return [whole.subarray(7, 7 + octets.length), () => whole.fill(0x21)];
  },
  "an ArrayBuffer": (octets) => [octets.buffer, () => octets.fill(0x21)],
  "an ArrayBuffer that is transferred": (octets) => [
    octets.buffer,
    () => void structuredClone(octets.buffer, { transfer: [octets.buffer] }),
  ],
  "a Uint8Array whose buffer is transferred": (octets) => [
    octets,
    () => void structuredClone(octets.buffer, { transfer: [octets.buffer] }),
  ],
  "a Uint8Array whose slice is a view, as that of a Buffer": (octets) => {
    const view = new Uint8Array(octets.buffer);
    return [Object.assign(view, { slice: view.subarray.bind(view) }), () => octets.fill(0x21)];
  },
};

type Way = (client: BaseClient, body: Uint8Array | ArrayBuffer) => Promise<unknown>;
const WAYS: Readonly<Record<string, Way>> = {
  send: (client, body) => client.send("/queue/a", body),
  "send without content-length": (client, body) => failure(client.send("/queue/a", body, { contentLength: false })),
  "send with a codec": (client, body) => client.send("/queue/a", undefined, { codec: { encode: () => ({ body }) } }),
  sendFrame: (client, body) => client.sendFrame("SEND", { destination: "/queue/a" }, body),
  "transaction.send": async (client, body) => {
    const transaction = client.begin();
    await (await transaction).send("/queue/a", body);
  },
  request: (client, body) => {
    void failure(client.request("/queue/a", body, { replyTo: "/queue/replies" }));
    return settled();
  },
};

describe.each(["stream", "messages"] as const)("over a transport of the kind %s", (kind) => {
  describe.each(Object.entries(WAYS))("%s", (how, send) => {
    test.each(Object.entries(GIVEN))("sends what %s held at the call, whatever its size", async (_, give) => {
      for (const [content, octet] of Object.entries(CONTENTS)) {
        for (const size of SIZES) {
          if (how === "send without content-length" && content === "binary" && size > 100) continue; // it has a NUL
          const { client, broker, transport } = await late(kind);
          const octets = Uint8Array.from({ length: size }, (__, index) => octet(index));
          const expected = octets.slice();
          const [body, write] = give(octets);
          await send(client, body);
          write();
          transport.release();
          await settled();
          const got = broker.of("SEND").map((frame) => frame.body);
          expect(got.map(({ length }) => length)).toEqual([size]);
          expect(got[0]?.every((one, index) => one === expected[index])).toBe(true);
          broker.transport.abort(new Error("the test is over"));
        }
      }
    });
  });
});

describe("at-least-once", () => {
  const codecs = (body: Uint8Array) => ({ encode: () => ({ body }) });

  test.each(["stream", "messages"] as const)("sends over %s what was given, in each session", async (kind) => {
    const broker = new ScriptedBroker({ memory: { kind }, receipts: false });
    const client = new BaseClient(broker.dial, { heartBeat: false, reconnect: () => 0, delivery: "at-least-once" });
    const body = new Uint8Array(20_000).fill(0x41);
    const headers = new Map([["kind", "first"]]);
    const sent = [
      client.send("/queue/a", body, { headers }),
      client.send("/queue/a", undefined, { codec: codecs(body) }),
    ];
    body.fill(0x42);
    headers.set("kind", "second");
    await client.connect();
    await settled();
    broker.transport.abort(new Error("cable cut"));
    await broker.frame("SEND");
    await settled();
    for (const frame of broker.of("SEND")) {
      expect(frame.body.every((octet) => octet === 0x41)).toBe(true);
      if (frame.headers.has("kind")) expect(frame.headers.get("kind")).toBe("first");
    }
    expect(broker.of("SEND")).toHaveLength(4);
    for (const frame of broker.of("SEND").slice(2)) {
      broker.send("RECEIPT", { "receipt-id": frame.headers.get("receipt") });
    }
    await Promise.all(sent);
    await client.disconnect({ timeout: 1 });
  });

  test("does not copy again over a stream what the outbox has copied", async () => {
    const { client, transport } = await late("stream", { delivery: "at-least-once" });
    void failure(client.send("/queue/a", new Uint8Array(20_000)));
    await settled();
    expect(transport.given.map((chunk) => typeof chunk)).toEqual(["string", "object", "string"]);
    await client.disconnect({ timeout: 1 });
  });
});

describe("what else a caller may change", () => {
  test("headers while a codec is at work do not change what goes out", async () => {
    const { client, broker, transport } = await late("stream");
    const pair: [string, string] = ["b", "2"];
    const given = [new Map([["b", "2"]]), { b: "2" } as Record<string, string>, [pair]] as const;
    const codec = { encode: async () => Promise.resolve({ body: "x" }) };
    const sent = given.map((headers) => client.send("/queue/a", undefined, { codec, headers }));
    given[0].set("b", "changed");
    given[1].b = "changed";
    pair[1] = "changed";
    await Promise.all(sent);
    transport.release();
    await settled();
    expect(broker.of("SEND").map(({ headers }) => headers.get("b"))).toEqual(["2", "2", "2"]);
    await client.disconnect();
  });

  test("a frame listener may look at a frame later", async () => {
    const { client } = await late("stream");
    const events: FrameEvent[] = [];
    client.onFrame((event) => events.push(event));
    const body = Uint8Array.of(1, 2, 3);
    await client.send("/queue/a", body);
    await client.send("/queue/a", body.buffer);
    body.fill(9);
    expect(events.map(({ frame }) => [...frame.body])).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
    await client.disconnect({ timeout: 1 });
  });

  test("a view of memory that was transferred away is refused, and not sent as an empty body", async () => {
    const { client, transport } = await late("stream");
    const body = new Uint8Array(8);
    structuredClone(body.buffer, { transfer: [body.buffer] });
    expect(await failure(client.send("/queue/a", body))).toBeInstanceOf(TypeError);
    expect(await failure(client.send("/queue/a", body.buffer))).toBeInstanceOf(TypeError);
    expect(await failure(client.sendFrame("SEND", { destination: "/queue/a" }, body))).toBeInstanceOf(TypeError);
    expect(transport.given).toEqual([]);
    await client.send("/queue/a", new Uint8Array(0));
    expect(transport.given).toHaveLength(1);
    await client.disconnect({ timeout: 1 });
  });
});
