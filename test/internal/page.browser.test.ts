import { afterEach, describe, expect, test, vi } from "vitest";
import { BackgroundTimer, onWake } from "../../src/internal/page.web.js";

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
    const fired = vi.fn();
    await new Promise<void>((resolve) => {
      const timer = new BackgroundTimer(() => {
        fired();
        setTimeout(() => {
          timer.stop();
          resolve();
        }, 50);
      });
      timer.set(30);
    });
    expect(performance.now() - started).toBeGreaterThanOrEqual(79);
    expect(fired).toHaveBeenCalledTimes(1);
  });

  test("fires by the worker alone when the page's own timers are held back", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }); // nobody moves this clock
    await new Promise<void>((resolve) => {
      const timer = new BackgroundTimer(() => {
        timer.stop();
        resolve();
      });
      timer.set(10);
    });
    expect(vi.getTimerCount()).toBe(0);
  });

  test("that is stopped does not fire", async () => {
    const timer = new BackgroundTimer(() => expect.unreachable());
    timer.set(10);
    timer.stop();
    await new Promise((resolve) => setTimeout(resolve, 40));
  });

  test("that is set again fires at the new time only", async () => {
    const fired = vi.fn();
    const timer = new BackgroundTimer(fired);
    timer.set(10);
    timer.set(60_000);
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(fired).not.toHaveBeenCalled();
    timer.stop();
  });

  test("fires without a worker when a policy forbids it, and does not try again", async () => {
    const forbidden = vi.fn(function forbid() {
      throw new DOMException("blob: is forbidden", "SecurityError");
    });
    vi.stubGlobal("Worker", forbidden);
    await new Promise<void>((resolve) => {
      const timer = new BackgroundTimer(resolve);
      timer.set(60_000);
      timer.set(10);
    });
    expect(forbidden).toHaveBeenCalledTimes(1);
  });
});

describe("the worker", () => {
  test("is one for all that a timer is set to, and ends with it", async () => {
    const counts = countWorkers();
    let rounds = 0;
    await new Promise<void>((resolve) => {
      const timer = new BackgroundTimer(() => {
        if (++rounds < 3)
          timer.set(5); // as a heart-beat does it
        else {
          timer.stop();
          resolve();
        }
      });
      timer.set(5);
    });
    expect(counts).toEqual({ made: 1, ended: 1 });
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
    const fired = vi.fn();
    const timer = new BackgroundTimer(fired);
    timer.set(5);
    await new Promise((resolve) => setTimeout(resolve, 100));
    timer.set(60_000);
    timer.stop();
    removeEventListener("error", reported);
    expect(fired).toHaveBeenCalledTimes(1);
    expect(counts.made).toBe(1);
    expect(reported).not.toHaveBeenCalled();
  });
});

describe("hints", () => {
  test("are told when the page is online, visible or resumed again, until nobody listens", () => {
    const hint = vi.fn();
    const unlisten = onWake(hint);
    dispatchEvent(new Event("online"));
    document.dispatchEvent(new Event("visibilitychange")); // a page under test is visible
    dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
    document.dispatchEvent(new Event("resume"));
    expect(hint).toHaveBeenCalledTimes(4);
    dispatchEvent(new PageTransitionEvent("pageshow", { persisted: false }));
    expect(hint).toHaveBeenCalledTimes(4);
    unlisten();
    dispatchEvent(new Event("online"));
    document.dispatchEvent(new Event("visibilitychange"));
    expect(hint).toHaveBeenCalledTimes(4);
  });
});
