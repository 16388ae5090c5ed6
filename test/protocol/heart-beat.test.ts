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

  test("has nothing to watch when nothing was agreed on", () => {
    const monitor = new HeartBeatMonitor(beats(0, 0), 2, 0);
    expect(monitor.check(1e9)).toEqual({ send: false, silence: undefined, next: Infinity });
  });
});
