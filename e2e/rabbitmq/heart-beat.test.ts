import { setTimeout as idle } from "node:timers/promises";
import { describe, test } from "vitest";
import { tcp } from "../../src/adapters/tcp.js";
import { webSocket } from "../../src/adapters/websocket.js";
import { type ConnectOptions, type Status, connect } from "../../src/index.js";
import { subprotocolsOf } from "../../src/protocol/index.js";
import type { Dial, Transport } from "../../src/transport.js";
import { GUEST, type Row, TABLE } from "./clients.js";
import { describeRabbitMq, freshQueue, rabbitmq } from "./with-rabbitmq.js";

/** RabbitMQ takes whole seconds only, and sends twice as often as it has agreed on. */
const INTERVAL = 1000;
/** It closes the connection of a client that is silent for so long. */
const TOO_LONG = 2500;

/** When beats went through a transport, each as `performance.now()` has it. */
interface Beats {
  readonly out: number[];
  readonly in: number[];
}

/** Whether a chunk is line feeds alone, as a beat is; of frames it is never a whole chunk that RabbitMQ writes. */
function isBeat(chunk: Uint8Array | string): boolean {
  return typeof chunk === "string" ? /^\n+$/.test(chunk) : chunk.length > 0 && chunk.every((octet) => octet === 10);
}

/** Note the beats that go through what is dialled. */
function tapped(dial: Dial, beats: Beats): Dial {
  return async (signal) => {
    const transport = await dial(signal);
    return new Proxy(transport, {
      get: (target, name) => {
        if (name === "send") {
          return (chunk: Uint8Array | string): void => {
            if (isBeat(chunk)) beats.out.push(performance.now());
            target.send(chunk);
          };
        }
        if (name === "start") {
          return (sink: Parameters<Transport["start"]>[0]): void => {
            target.start({
              data: (chunk) => {
                if (isBeat(chunk)) beats.in.push(performance.now());
                sink.data(chunk);
              },
              closed: (reason) => {
                sink.closed(reason);
              },
            });
          };
        }
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
  };
}

function dialOf({ carrier, version }: Row): Dial {
  const url = new URL(rabbitmq.endpoints[carrier]);
  return carrier === "tcp" ? tcp(url) : webSocket(url, { protocols: subprotocolsOf([version]) });
}

describeRabbitMq("heart-beats with RabbitMQ", () => {
  describe.concurrent.each(TABLE)("over $carrier with STOMP $version", (row) => {
    const options: ConnectOptions = { ...GUEST, versions: [row.version] };

    test.concurrent("go both ways and keep an idle connection alive", async ({ expect }) => {
      const beats: Beats = { out: [], in: [] };
      const heartBeat = { outgoing: INTERVAL, incoming: INTERVAL };
      await using client = await connect(tapped(dialOf(row), beats), { ...options, heartBeat });
      const statuses: Status[] = [];
      client.onStatus((status) => {
        if (status.type !== "heart-beat") statuses.push(status);
      });
      expect(client.session?.heartBeat).toEqual({ outgoing: INTERVAL, incoming: INTERVAL });
      const begin = performance.now();
      await idle(2 * TOO_LONG);
      expect(client.state).toBe("connected");
      expect(statuses).toEqual([]);
      expect(beats.out.length).toBeGreaterThanOrEqual(4);
      expect(beats.in.length).toBeGreaterThanOrEqual(4);
      for (const [index, time] of beats.out.entries()) {
        expect(time - (beats.out[index - 1] ?? begin)).toBeLessThan(TOO_LONG);
      }
      await client.send(freshQueue(), "still here", { receipt: true });
    });

    test.concurrent("of the broker alone keep its silence from being taken for death", async ({ expect }) => {
      const beats: Beats = { out: [], in: [] };
      const heartBeat = { outgoing: 0, incoming: INTERVAL };
      await using client = await connect(tapped(dialOf(row), beats), { ...options, heartBeat });
      expect(client.session?.heartBeat).toEqual({ outgoing: 0, incoming: INTERVAL });
      await idle(2 * TOO_LONG);
      expect(client.state).toBe("connected");
      expect(beats.out).toEqual([]);
      expect(beats.in.length).toBeGreaterThanOrEqual(4);
    });

    test.concurrent("of the client alone keep RabbitMQ from closing the connection", async ({ expect }) => {
      const beats: Beats = { out: [], in: [] };
      const heartBeat = { outgoing: INTERVAL, incoming: 0 };
      await using client = await connect(tapped(dialOf(row), beats), { ...options, heartBeat });
      expect(client.session?.heartBeat).toEqual({ outgoing: INTERVAL, incoming: 0 });
      await idle(2 * TOO_LONG);
      await client.send(freshQueue(), "still here", { receipt: true });
      expect(beats.out.length).toBeGreaterThanOrEqual(4);
    });

    test.concurrent("that are not wanted are not sent", async ({ expect }) => {
      const beats: Beats = { out: [], in: [] };
      await using client = await connect(tapped(dialOf(row), beats), { ...options, heartBeat: false });
      expect(client.session?.heartBeat).toEqual({ outgoing: 0, incoming: 0 });
      await idle(TOO_LONG);
      expect(beats.out).toEqual([]);
      expect(client.state).toBe("connected");
    });

    test.concurrent("of 500 ms are agreed on as RabbitMQ's shortest", async ({ expect }) => {
      await using client = await connect(dialOf(row), { ...options, heartBeat: { outgoing: 500, incoming: 500 } });
      expect(client.session?.heartBeat).toEqual({ outgoing: 1000, incoming: 1000 });
      await idle(TOO_LONG);
      await client.send(freshQueue(), "still here", { receipt: true });
    });
  });
});
