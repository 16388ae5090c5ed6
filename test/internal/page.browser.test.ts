import { afterEach, describe, expect, test, vi } from "vitest";
import { backgroundTimer, onWake } from "../../src/internal/page.web.js";
import { WorkerTimers } from "../../src/internal/worker-timers.js";

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** Counts the workers that are made, and those that are ended. */
function countWorkers(): { made: number; ended: number } {
  const counts = { made: 0, ended: 0 };
  const Original = Worker;
  vi.stubGlobal(
    "Worker",
    class extends Original {
      constructor(url: string) {
        super(url);
        counts.made++;
      }
      override terminate(): void {
        counts.ended++;
        super.terminate();
      }
    },
  );
  return counts;
}

describe("a timer of a page", () => {
  test("fires once, and not before its time", async () => {
    const started = performance.now();
    await new Promise<void>((resolve) => {
      backgroundTimer(resolve, 30);
    });
    expect(performance.now() - started).toBeGreaterThanOrEqual(29);
  });

  test("fires by the worker alone when the page's own timers are held back", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }); // nobody moves this clock
    const fired = vi.fn();
    await new Promise<void>((resolve) => {
      backgroundTimer(() => {
        fired();
        resolve();
      }, 10);
    });
    expect(fired).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("that is cancelled does not fire", async () => {
    const fired = vi.fn();
    backgroundTimer(fired, 10)();
    await new Promise<void>((resolve) => {
      backgroundTimer(resolve, 40);
    });
    expect(fired).not.toHaveBeenCalled();
  });

  test("fires without a worker when a policy forbids it", async () => {
    vi.stubGlobal(
      "Worker",
      vi.fn(() => {
        throw new DOMException("blob: is forbidden", "SecurityError");
      }),
    );
    const timers = new WorkerTimers();
    expect(() => timers.set(() => expect.unreachable(), 1)).not.toThrow();
    await new Promise<void>((resolve) => {
      backgroundTimer(resolve, 10);
    });
  });
});

describe("the worker", () => {
  test("is one for all timers, and ends with the last of them", async () => {
    const counts = countWorkers();
    const timers = new WorkerTimers();
    const order: number[] = [];
    await new Promise<void>((resolve) => {
      timers.set(() => order.push(1), 5);
      timers.set(() => {
        order.push(2);
        timers.set(resolve, 5); // as a heart-beat does it
      }, 25);
    });
    expect(order).toEqual([1, 2]);
    await expect.poll(() => counts).toEqual({ made: 1, ended: 1 });
    const cancel = timers.set(() => expect.unreachable(), 60_000);
    expect(counts).toEqual({ made: 2, ended: 1 });
    cancel();
    expect(counts).toEqual({ made: 2, ended: 2 });
  });

  test("that cannot be loaded, as under a policy, is not tried again, and says nothing", async () => {
    const counts = { made: 0 };
    const Original = Worker;
    vi.stubGlobal(
      "Worker",
      class extends Original {
        constructor() {
          super(URL.createObjectURL(new Blob(["throw new Error('as if it were forbidden')"])));
          counts.made++;
        }
      },
    );
    const reported = vi.fn();
    addEventListener("error", reported);
    const timers = new WorkerTimers();
    timers.set(() => expect.unreachable(), 60_000);
    await expect
      .poll(() => {
        timers.set(() => expect.unreachable(), 60_000);
        return counts.made;
      })
      .toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    timers.set(() => expect.unreachable(), 60_000)();
    removeEventListener("error", reported);
    expect(counts.made).toBe(1);
    expect(reported).not.toHaveBeenCalled();
  });
});

describe("hints", () => {
  test("are told when the page is online, visible or resumed again, until nobody listens", () => {
    const hints: string[] = [];
    const unlisten = onWake((hint) => hints.push(hint));
    dispatchEvent(new Event("online"));
    document.dispatchEvent(new Event("visibilitychange")); // a page under test is visible
    dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
    dispatchEvent(new PageTransitionEvent("pageshow", { persisted: false }));
    document.dispatchEvent(new Event("resume"));
    expect(hints).toEqual(["online", "visible", "resumed", "resumed"]);
    unlisten();
    dispatchEvent(new Event("online"));
    document.dispatchEvent(new Event("visibilitychange"));
    expect(hints).toHaveLength(4);
  });
});
