import { describe, expect, test } from "vitest";
import { HeartBeatMonitor, heartBeatHeader, negotiateHeartBeat, parseHeartBeat } from "../../src/protocol/index.js";

const beats = (outgoing: number, incoming: number): { outgoing: number; incoming: number } => ({ outgoing, incoming });

describe("the heart-beat header", () => {
  test.each([
    ["0,0", beats(0, 0)],
    ["100,20000", beats(100, 20_000)],
    [undefined, beats(0, 0)],
  ])("%j is %o", (text, expected) => {
    expect(parseHeartBeat(text)).toEqual(expected);
    if (text !== undefined) expect(heartBeatHeader(expected)).toBe(text);
  });

  test.each(["", "5", "5,", "-1,0", "1.5,0", "0, 0", "1,2,3", "1e3,0", "9999999999999,0"])("%j is a fault", (text) => {
    const message = `heart-beat header ${JSON.stringify(text)} is not two numbers`;
    expect(() => parseHeartBeat(text)).toThrow(expect.objectContaining({ reason: "invalid-header", message }));
  });

  test("the slower wish of both holds, or none", () => {
    expect(negotiateHeartBeat(beats(100, 500), beats(300, 200))).toEqual(beats(200, 500));
    expect(negotiateHeartBeat(beats(100, 500), beats(0, 200))).toEqual(beats(200, 0));
    expect(negotiateHeartBeat(beats(100, 500), beats(300, 0))).toEqual(beats(0, 500));
    expect(negotiateHeartBeat(beats(0, 0), beats(300, 200))).toEqual(beats(0, 0));
  });
});

describe("the monitor", () => {
  test("wants a beat when nothing was sent for half of the time, and no sooner", () => {
    const monitor = new HeartBeatMonitor(beats(1000, 0), 2, 0);
    expect(monitor.check(499)).toEqual({ send: false, silence: undefined, next: 500 });
    expect(monitor.check(500)).toEqual({ send: true, silence: undefined, next: 1000 });
    monitor.sent(900);
    expect(monitor.check(1000)).toEqual({ send: false, silence: undefined, next: 1400 });
  });

  test("tells of a peer that is silent for the time and the tolerance", () => {
    const monitor = new HeartBeatMonitor(beats(0, 1000), 1.5, 0);
    expect(monitor.check(1499)).toEqual({ send: false, silence: undefined, next: 1500 });
    monitor.received(1400);
    expect(monitor.check(1500)).toEqual({ send: false, silence: undefined, next: 2900 });
    expect(monitor.check(2900)).toEqual({ send: false, silence: 1500, next: 2900 });
  });

  test("takes a late check for a frozen process, not for a silent peer, and then gives it its time", () => {
    const monitor = new HeartBeatMonitor(beats(0, 1000), 2, 0);
    expect(monitor.check(60_000)).toMatchObject({ silence: undefined, next: 61_000 });
    expect(monitor.check(61_000)).toMatchObject({ silence: 2000 });
  });

  describe("given what was received, checks, and which of them are the first to tell of silence:", () => {
    interface Course {
      readonly title: string;
      readonly agreed?: { outgoing: number; incoming: number };
      readonly tolerance?: number;
      /** Times in ms, in order: `[at, "received"]`, or `[at, next]` for a check that finds nothing, `[at, "silent", for]`. */
      readonly steps: readonly (readonly [number, "received" | number] | readonly [number, "silent", number])[];
    }
    const courses: readonly Course[] = [
      { title: "on time, the agreed time and the tolerance are all it gets", steps: [[2000, "silent", 2000]] },
      { title: "a little late is on time", steps: [[2500, "silent", 2500]] },
      {
        title: "later than half of the agreed time, it gets that once more",
        steps: [
          [2501, 3501],
          [3501, "silent", 2000],
        ],
      },
      {
        title: "what was in the event loop behind the late timer is heard",
        steps: [
          [60_000, 61_000],
          [60_001, "received"],
          [61_000, 62_001],
          [62_001, "silent", 2000],
        ],
      },
      {
        title: "timers that are late each time find a dead peer all the same",
        steps: [
          [60_000, 61_000],
          [120_000, "silent", 61_000],
        ],
      },
      {
        title: "timers that are late each time find no fault with a peer that is heard",
        steps: [
          [60_000, 61_000],
          [119_999, "received"],
          [120_000, 121_999],
          [179_999, "received"],
          [180_000, 181_999],
        ],
      },
      {
        title: "what was received excuses a late check anew",
        steps: [
          [60_000, 61_000],
          [60_500, "received"],
          [90_000, 91_000],
          [91_000, "silent", 2000],
        ],
      },
      {
        title: "without tolerance too",
        tolerance: 1,
        steps: [
          [1501, 2501],
          [2501, "silent", 1000],
        ],
      },
      {
        title: "with more tolerance, no more than the agreed time is added",
        tolerance: 5,
        steps: [
          [6000, 7000],
          [7000, "silent", 5000],
        ],
      },
      {
        title: "late for a beat of ours, while the peer has the agreed time and more: nothing is added, or used up",
        agreed: beats(1000, 1000),
        tolerance: 4,
        steps: [
          [1600, 2100],
          [2100, 2600],
          [6000, 6500],
          [6500, 7000],
          [7000, "silent", 4000],
        ],
      },
      {
        title: "an early check changes nothing",
        steps: [
          [1, 2000],
          [1999, 2000],
          [2000, "silent", 2000],
        ],
      },
      { title: "endless tolerance stays so", tolerance: Infinity, steps: [[1e9, Infinity]] },
    ];
    test.each(courses)("$title", ({ agreed = beats(0, 1000), tolerance = 2, steps }) => {
      const monitor = new HeartBeatMonitor(agreed, tolerance, 0);
      for (const [at, what, silence] of steps) {
        if (what === "received") monitor.received(at);
        else if (what === "silent") expect(monitor.check(at)).toMatchObject({ silence });
        else expect(monitor.check(at), `at ${at}`).toMatchObject({ silence: undefined, next: what });
      }
    });
  });

  test("has nothing to watch when nothing was agreed on", () => {
    const monitor = new HeartBeatMonitor(beats(0, 0), 2, 0);
    expect(monitor.check(1e9)).toEqual({ send: false, silence: undefined, next: Infinity });
  });
});
