/** What every transport must do: the contract of `src/transport.ts`, run against each adapter. */
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Transport } from "../../src/transport.js";
import { joined, octetsOf, RecordingSink } from "../support/recording-sink.js";

/** The raw other end of a connection. */
export interface Peer {
  /** Wait until it has received so many octets in all; gives every chunk, or message, so far. */
  received(octets: number): Promise<readonly (Uint8Array | string)[]>;
  send(chunk: Uint8Array | string): Promise<void> | void;
  /** End in an orderly way. */
  end(): Promise<void> | void;
  /** Break the connection off. */
  drop(): Promise<void> | void;
  /** Stop reading, so that what the client sends piles up. */
  pause(): Promise<void> | void;
  resume(): Promise<void> | void;
  /** Resolves when the client's end was seen: was it orderly? */
  readonly ended: Promise<"orderly" | "dropped">;
}

/** An open connection. Disposing of it closes both ends and whatever was opened for it. */
export interface Connection extends AsyncDisposable {
  readonly transport: Transport;
  readonly peer: Peer;
}

/** How to try an adapter. */
export interface Harness {
  readonly kind: "messages" | "stream";
  /** Whether the platform can hold the peer back. */
  readonly pauses: boolean;
  open(): Promise<Connection>;
}

function started(transport: Transport): RecordingSink {
  const sink = new RecordingSink();
  transport.start(sink);
  return sink;
}

/** Let the other end answer, so that what it did before has had its time. */
async function roundTrip(transport: Transport, peer: Peer, before: number): Promise<void> {
  transport.send("?");
  await peer.received(before + 1);
}

const MEGABYTE = new Uint8Array(1 << 20).map((_, index) => (index * 7919) >> 3);

export function contract(name: string, { kind, pauses, open }: Harness): void {
  describe(`${name} as a transport`, () => {
    afterEach(() => {
      vi.useRealTimers();
    });

    test("names its kind and its peer", async () => {
      await using connection = await open();
      expect(connection.transport.kind).toBe(kind);
      expect(connection.transport.peer).toMatch(/^[a-z+]+:/);
      expect(connection.transport.buffered).toBe(0);
    });

    test("delivers what the peer sends, in order", async () => {
      await using connection = await open();
      const sink = started(connection.transport);
      for (const chunk of ["one ", "two ", "three"]) await connection.peer.send(chunk);
      expect(await sink.received(13)).toBe("one two three");
    });

    test("carries octets of every value to the peer and back", async () => {
      await using connection = await open();
      const sink = started(connection.transport);
      const octets = Uint8Array.from({ length: 256 }, (_, index) => index);
      connection.transport.send(octets);
      expect(joined(await connection.peer.received(256))).toEqual(octets);
      await connection.peer.send(octets);
      await sink.received(256);
      expect(joined(sink.chunks)).toEqual(octets);
    });

    test("carries text beyond ASCII to the peer and back", async () => {
      await using connection = await open();
      const sink = started(connection.transport);
      const text = "größer → 🐇\0\n";
      const length = octetsOf(text).length;
      connection.transport.send(text);
      expect(new TextDecoder().decode(joined(await connection.peer.received(length)))).toBe(text);
      await connection.peer.send(text);
      expect(await sink.received(length)).toBe(text);
    });

    test("carries a megabyte whole, both ways", async () => {
      await using connection = await open();
      const sink = started(connection.transport);
      connection.transport.send(MEGABYTE);
      await connection.transport.drained();
      expect(sameOctets(joined(await connection.peer.received(MEGABYTE.length)), MEGABYTE)).toBe(true);
      await connection.peer.send(MEGABYTE);
      await sink.received(MEGABYTE.length);
      expect(sameOctets(joined(sink.chunks), MEGABYTE)).toBe(true);
    });

    test("keeps the order of many small chunks sent at once, text and octets mixed", async () => {
      await using connection = await open();
      started(connection.transport);
      const chunks = Array.from({ length: 500 }, (_, index) => `${index},`);
      for (const [index, chunk] of chunks.entries())
        connection.transport.send(index % 3 === 0 ? octetsOf(chunk) : chunk);
      const received = await connection.peer.received(chunks.join("").length);
      expect(new TextDecoder().decode(joined(received))).toBe(chunks.join(""));
      if (kind === "messages") {
        expect(received.length).toBe(500);
        expect(typeof received[0]).toBe("object");
        expect(typeof received[1]).toBe("string");
      }
    });

    test("does not touch delivered octets afterwards", async () => {
      await using connection = await open();
      const sink = started(connection.transport);
      await connection.peer.send(octetsOf("first"));
      await sink.received(5);
      await connection.peer.send(octetsOf("other"));
      expect(await sink.received(10)).toBe("firstother");
    });

    test("keeps what comes before start, in order", async () => {
      await using connection = await open();
      await connection.peer.send("early ");
      await connection.peer.send("bird");
      await roundTrip(connection.transport, connection.peer, 0);
      expect(await started(connection.transport).received(10)).toBe("early bird");
    });

    test("reports an end that came before start, behind what came before it", async () => {
      await using connection = await open();
      await connection.peer.send("bye");
      await connection.peer.end();
      const sink = started(connection.transport);
      expect(await sink.end()).toBeUndefined();
      expect(sink.text).toBe("bye");
    });

    test("can be closed before start, and reports its end at start", async () => {
      await using connection = await open();
      await connection.transport.close();
      const sink = started(connection.transport);
      expect(await sink.end()).toBeUndefined();
      expect(await connection.peer.ended).toBe("orderly");
    });

    test("reports the peer's orderly end once, and drops what is sent afterwards", async () => {
      await using connection = await open();
      const { transport, peer } = connection;
      const sink = started(transport);
      await peer.send("bye");
      await peer.end();
      expect(await sink.end()).toBeUndefined();
      expect(sink.text).toBe("bye");
      transport.send("too late");
      transport.send(octetsOf("too late"));
      transport.abort(new Error("too late"));
      await transport.drained();
      await transport.close();
      expect(sink.ends).toEqual([undefined]);
      expect(transport.buffered).toBe(0);
    });

    test("reports an error when the peer breaks off", async () => {
      await using connection = await open();
      const sink = started(connection.transport);
      await connection.peer.drop();
      expect(await sink.end()).toBeInstanceOf(Error);
      await connection.transport.close();
      expect(sink.ends.length).toBe(1);
    });

    test("close writes what was sent, ends in an orderly way, and may be called again", async () => {
      await using connection = await open();
      const { transport, peer } = connection;
      const sink = started(transport);
      transport.send("the ");
      transport.send("end");
      const closes = [transport.close(), transport.close()];
      transport.send("too late");
      await Promise.all(closes);
      await transport.close();
      expect(sink.ends).toEqual([undefined]);
      expect(await peer.ended).toBe("orderly");
      expect(new TextDecoder().decode(joined(await peer.received(7)))).toBe("the end");
    });

    test("close gives up on a peer that does not read, after its time", async () => {
      await using connection = await open();
      const { transport, peer } = connection;
      const sink = started(transport);
      await peer.pause();
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
      let closed = false;
      const closing = transport.close().then(() => (closed = true));
      await vi.advanceTimersByTimeAsync(1999);
      expect(closed).toBe(false);
      await vi.advanceTimersByTimeAsync(1);
      await closing;
      expect(sink.ends.length).toBe(1);
    });

    test("abort ends at once with its reason, and nothing is delivered afterwards", async () => {
      await using connection = await open();
      const { transport, peer } = connection;
      const sink = started(transport);
      await peer.send("before");
      await sink.received(6);
      const reason = new Error("enough");
      transport.abort(reason);
      transport.abort(new Error("again"));
      expect(sink.ends).toEqual([reason]);
      expect(sink.ends[0]).toBe(reason);
      await transport.close();
      await transport.drained();
      await peer.ended;
      expect(sink.text).toBe("before");
      expect(sink.ends.length).toBe(1);
    });

    test("abort from within data ends the delivery there", async () => {
      await using connection = await open();
      const { transport, peer } = connection;
      await peer.send("a");
      await peer.send("b");
      await roundTrip(transport, peer, 0);
      const sink = new RecordingSink();
      const reason = new Error("enough");
      sink.onData = () => transport.abort(reason);
      transport.start(sink);
      expect(await sink.end()).toBe(reason);
      await transport.close();
      expect(sink.chunks.length).toBe(1);
    });

    test("abort during close settles the close", async () => {
      await using connection = await open();
      const { transport, peer } = connection;
      const sink = started(transport);
      await peer.pause();
      const closing = transport.close();
      const reason = new Error("enough");
      transport.abort(reason);
      await closing;
      expect(sink.ends).toEqual([reason]);
    });

    test("drained waits for a peer that does not read", async () => {
      await using connection = await open();
      const { transport, peer } = connection;
      started(transport);
      await transport.drained();
      await peer.pause();
      let sent = 0;
      // The systems in between take some megabytes before they push back.
      while (transport.buffered < 4 * MEGABYTE.length) {
        transport.send(MEGABYTE);
        sent += MEGABYTE.length;
      }
      let drained = false;
      const draining = transport.drained().then(() => (drained = true));
      await Promise.resolve();
      expect(drained).toBe(false);
      await peer.resume();
      await draining;
      expect(transport.buffered).toBeLessThan(4 * MEGABYTE.length);
      await peer.received(sent);
    });

    test("drained resolves when the transport ends", async () => {
      await using connection = await open();
      const { transport, peer } = connection;
      started(transport);
      await peer.pause();
      for (let count = 0; count < 16; count += 1) transport.send(MEGABYTE);
      const draining = transport.drained();
      transport.abort(new Error("enough"));
      await draining;
      await transport.close();
    });

    test("flushed waits for all that was sent before it, and for nothing else", async () => {
      await using connection = await open();
      const { transport, peer } = connection;
      if (transport.flushed === undefined) return; // where the platform does not tell, `buffered` is looked at
      started(transport);
      await transport.flushed();
      transport.send("a");
      await transport.flushed();
      expect(transport.buffered).toBe(0);
      await peer.pause();
      let sent = 1;
      while (transport.buffered < 4 * MEGABYTE.length) {
        transport.send(MEGABYTE);
        sent += MEGABYTE.length;
      }
      const order: string[] = [];
      const flushing = [transport.flushed().then(() => order.push("first"))];
      transport.send(MEGABYTE);
      flushing.push(transport.flushed().then(() => order.push("second")));
      await Promise.resolve();
      expect(order).toEqual([]);
      await peer.resume();
      await Promise.all(flushing);
      expect(order).toEqual(["first", "second"]);
      await peer.received(sent + MEGABYTE.length);
    });

    test("flushed resolves when the transport ends, also in a close, and after it", async () => {
      for (const end of ["abort", "close"] as const) {
        await using connection = await open();
        const { transport, peer } = connection;
        started(transport);
        await peer.pause();
        for (let count = 0; count < 16; count += 1) transport.send(MEGABYTE);
        const flushed = async (): Promise<void> => transport.flushed?.();
        const flushing = [flushed()];
        const closing = end === "close" ? transport.close() : undefined;
        flushing.push(flushed());
        if (end === "abort") transport.abort(new Error("enough"));
        else await peer.resume();
        await Promise.all(flushing);
        await closing;
        await flushed();
        await transport.close();
      }
    });

    test("says that it is closing only when the other side does", async () => {
      await using connection = await open();
      const { transport, peer } = connection;
      const sink = started(transport);
      expect(transport.isClosing ?? false).toBe(false);
      await peer.end();
      await sink.end();
      expect(transport.isClosing ?? true).toBe(true);
    });

    // A transport that cannot hold its peer back says so by having no `pause`, and then there is nothing to try.
    if (!pauses) {
      test("has no pause and no resume where the platform has none", async () => {
        await using connection = await open();
        expect(connection.transport.pause).toBeUndefined();
        expect(connection.transport.resume).toBeUndefined();
      });
      return;
    }

    test("delivers nothing between pause and resume", async () => {
      await using connection = await open();
      const { transport, peer } = connection;
      const sink = started(transport);
      await peer.send("a");
      await sink.received(1);
      transport.pause?.();
      await peer.send("b");
      await roundTrip(transport, peer, 0);
      expect(sink.text).toBe("a");
      transport.resume?.();
      expect(await sink.received(2)).toBe("ab");
    });

    test("can be paused and resumed from within data", async () => {
      await using connection = await open();
      const { transport, peer } = connection;
      const sink = new RecordingSink();
      let depth = 0;
      sink.onData = () => {
        depth += 1;
        expect(depth).toBe(1);
        transport.pause?.();
        transport.resume?.();
        depth -= 1;
      };
      await peer.send("a");
      await peer.send("b");
      await roundTrip(transport, peer, 0);
      transport.start(sink);
      await peer.send("c");
      expect(await sink.received(3)).toBe("abc");
    });
  });
}

function sameOctets(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((octet, index) => octet === other[index]);
}
