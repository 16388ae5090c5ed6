import { describe, expect, test } from "vitest";
import { Inlet } from "../../src/internal/inlet.js";
import { RecordingSink } from "../support/recording-sink.js";

function started(): { inlet: Inlet<string>; sink: RecordingSink } {
  const inlet = new Inlet<string>();
  const sink = new RecordingSink();
  inlet.start(sink);
  return { inlet, sink };
}

const reason = new Error("enough");

describe("Inlet", () => {
  test("delivers synchronously once it is started", () => {
    const { inlet, sink } = started();
    inlet.deliver("a");
    expect(sink.chunks).toEqual(["a"]);
    inlet.deliver("b");
    expect(sink.chunks).toEqual(["a", "b"]);
  });

  test("keeps what comes before, and the end behind it", () => {
    const inlet = new Inlet<string>();
    expect(inlet.started).toBe(false);
    inlet.deliver("a");
    inlet.deliver("b");
    inlet.end(reason);
    expect(inlet.ended).toBe(true);
    inlet.deliver("too late");
    const sink = new RecordingSink();
    inlet.start(sink);
    expect(inlet.started).toBe(true);
    expect(sink.chunks).toEqual(["a", "b"]);
    expect(sink.ends).toEqual([reason]);
  });

  test("reports the first end only, and nothing after it", () => {
    const { inlet, sink } = started();
    inlet.end();
    inlet.end(reason);
    inlet.abort(reason);
    inlet.deliver("too late");
    expect(sink.ends).toEqual([undefined]);
    expect(sink.chunks).toEqual([]);
  });

  test("holds chunks and the end while it is paused, and goes on soon after", async () => {
    const { inlet, sink } = started();
    inlet.pause();
    inlet.deliver("a");
    inlet.deliver("b");
    inlet.end();
    expect([sink.chunks, sink.ends]).toEqual([[], []]);
    inlet.resume();
    expect(sink.chunks).toEqual([]);
    await Promise.resolve();
    expect(sink.chunks).toEqual(["a", "b"]);
    expect(sink.ends).toEqual([undefined]);
  });

  test("puts what comes between resume and delivery behind what it holds", async () => {
    const { inlet, sink } = started();
    inlet.pause();
    inlet.deliver("a");
    inlet.resume();
    inlet.deliver("b");
    await Promise.resolve();
    inlet.deliver("c");
    expect(sink.chunks).toEqual(["a", "b", "c"]);
  });

  test("stays paused if it is paused again before it went on", async () => {
    const { inlet, sink } = started();
    inlet.pause();
    inlet.deliver("a");
    inlet.resume();
    inlet.pause();
    await Promise.resolve();
    expect(sink.chunks).toEqual([]);
    inlet.resume();
    await Promise.resolve();
    expect(sink.chunks).toEqual(["a"]);
  });

  test("reports an end at once when nothing is held, even while it is paused", () => {
    const { inlet, sink } = started();
    inlet.pause();
    inlet.end(reason);
    expect(sink.ends).toEqual([reason]);
  });

  test("can be paused before it is started", async () => {
    const inlet = new Inlet<string>();
    inlet.pause();
    inlet.deliver("a");
    const sink = new RecordingSink();
    inlet.start(sink);
    expect(sink.chunks).toEqual([]);
    inlet.resume();
    await Promise.resolve();
    expect(sink.chunks).toEqual(["a"]);
  });

  test("can be paused by its sink in the middle of what was held", async () => {
    const inlet = new Inlet<string>();
    const sink = new RecordingSink();
    sink.onData = () => inlet.pause();
    for (const chunk of ["a", "b"]) inlet.deliver(chunk);
    inlet.start(sink);
    expect(sink.chunks).toEqual(["a"]);
    inlet.resume();
    await Promise.resolve();
    expect(sink.chunks).toEqual(["a", "b"]);
  });

  test("drops what it holds when it is aborted, before an end that waits", () => {
    const { inlet, sink } = started();
    inlet.pause();
    inlet.deliver("a");
    inlet.end();
    inlet.abort(reason);
    inlet.resume();
    expect(sink.chunks).toEqual([]);
    expect(sink.ends).toEqual([reason]);
  });

  test("reports at its start that it was aborted before", () => {
    const inlet = new Inlet<string>();
    inlet.deliver("a");
    inlet.abort(reason);
    const sink = new RecordingSink();
    inlet.start(sink);
    expect(sink.chunks).toEqual([]);
    expect(sink.ends).toEqual([reason]);
  });

  test("delivers no more when its sink aborts it", () => {
    const inlet = new Inlet<string>();
    const sink = new RecordingSink();
    sink.onData = () => inlet.abort(reason);
    for (const chunk of ["a", "b"]) inlet.deliver(chunk);
    inlet.start(sink);
    expect(sink.chunks).toEqual(["a"]);
    expect(sink.ends).toEqual([reason]);
  });
});
