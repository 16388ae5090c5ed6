import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { BaseClient } from "../../../src/client/client.js";
import type { AttemptInfo, Credentials } from "../../../src/client/options/credentials.js";
import type { ClientOptions } from "../../../src/client/options/options.js";
import { ConnectError } from "../../../src/errors.js";
import type { HeadersInit } from "../../../src/protocol/index.js";
import { failure } from "../../support/connected.js";
import { ScriptedBroker, settled } from "../../support/scripted-broker.js";
import { statusesOf } from "../../support/statuses.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0); // whatever a test did, no timer is left behind
  vi.useRealTimers();
});

const PATIENT: ClientOptions = { heartBeat: false, reconnect: () => 1000 };

/** What the CONNECT frames said under these names. */
function said(broker: ScriptedBroker, ...names: string[]): (string | undefined)[][] {
  return broker.of("CONNECT").map(({ headers }) => names.map((name) => headers.get(name)));
}

describe("credentials", () => {
  test("as values are said in each session", async () => {
    const broker = new ScriptedBroker();
    const client = new BaseClient(broker.dial, {
      ...PATIENT,
      login: "ann",
      passcode: "secret",
      headers: { tenant: 7 },
    });
    await client.connect();
    await client.reconnect();
    expect(said(broker, "login", "passcode", "tenant")).toEqual([
      ["ann", "secret", "7"],
      ["ann", "secret", "7"],
    ]);
    await client.disconnect();
  });

  test.each<[string, <T>(value: T) => T | Promise<T>]>([
    ["at once", (value) => value],
    ["later", (value) => Promise.resolve(value)],
  ])("and headers of functions that answer %s are asked for at each attempt", async (_when, answer) => {
    const broker = new ScriptedBroker();
    let token = 0;
    const client = new BaseClient(broker.dial, {
      ...PATIENT,
      credentials: () => answer({ login: "ann", passcode: `token-${++token}` }),
      headers: () => answer({ "x-token": token }),
    });
    await client.connect();
    await client.reconnect();
    broker.transport.abort(new Error("cable cut"));
    await vi.advanceTimersByTimeAsync(1000);
    expect(said(broker, "login", "passcode", "x-token")).toEqual([
      ["ann", "token-1", "1"],
      ["ann", "token-2", "2"],
      ["ann", "token-3", "3"],
    ]);
    await client.disconnect();
  });

  test("may be absent: then the broker decides", async () => {
    const broker = new ScriptedBroker();
    const client = new BaseClient(broker.dial, { ...PATIENT, credentials: () => ({}) });
    await client.connect();
    expect(said(broker, "login", "passcode")).toEqual([[undefined, undefined]]);
    await client.disconnect();
  });

  test("a renewed token is used by reconnect(), which keeps the subscriptions", async () => {
    const broker = new ScriptedBroker();
    let passcode = "old";
    const client = new BaseClient(broker.dial, { ...PATIENT, credentials: () => ({ login: "ann", passcode }) });
    await client.connect();
    const subscription = await client.subscribe("/queue/a");
    const reading = subscription.next();
    passcode = "new";
    await client.reconnect();
    await settled();
    expect(said(broker, "passcode")).toEqual([["old"], ["new"]]);
    broker.message(subscription.id, "hello");
    expect((await reading).value?.text()).toBe("hello");
    await client.disconnect();
  });

  test("the function is told which attempt it is, and what went wrong before", async () => {
    const asked: AttemptInfo[] = [];
    const broker = new ScriptedBroker({
      welcome: false,
      onFrame: (frame, self) => {
        if (frame.headers.get("passcode") === "stale") self.send("ERROR", { message: "token expired" });
        else if (frame.command === "CONNECT") self.welcome();
      },
    });
    const client = new BaseClient(broker.dial, {
      ...PATIENT,
      credentials: (attempt) => {
        asked.push(attempt);
        return { login: "ann", passcode: asked.length === 2 ? "stale" : "fresh" };
      },
    });
    await client.connect();
    broker.transport.abort(new Error("cable cut"));
    await vi.advanceTimersByTimeAsync(2000);
    expect(client.state).toBe("connected");
    expect(asked).toMatchObject([
      { attempt: 0, lastError: undefined },
      { attempt: 1, lastError: { code: "connection-lost" } },
      { attempt: 2, lastError: { code: "connect", cause: { code: "server", message: "token expired" } } },
    ]);
    await client.reconnect();
    expect(asked.at(-1)?.lastError).toBeUndefined(); // nothing went wrong
    await client.disconnect();
  });

  test.each<[string, ClientOptions]>([
    ["credentials", { credentials: () => Promise.reject(new Error("no token today")) }],
    [
      "credentials",
      {
        credentials: () => {
          throw new Error("no token today");
        },
      },
    ],
    ["headers", { headers: () => Promise.reject(new Error("no token today")) }],
  ])("a function for %s that fails fails the attempt, before anything is opened", async (name, options) => {
    const broker = new ScriptedBroker();
    const error = await failure(new BaseClient(broker.dial, { ...PATIENT, ...options }).connect());
    expect(error).toBeInstanceOf(ConnectError);
    expect(error).toMatchObject({
      stage: "prepare",
      message: `the function for ${name} failed: no token today`,
      cause: { message: "no token today" },
    });
    expect(broker.dialled).toBe(0);
  });

  test("a function that fails while reconnecting is asked again", async () => {
    const broker = new ScriptedBroker();
    let asked = 0;
    const client = new BaseClient(broker.dial, {
      ...PATIENT,
      credentials: () => {
        if (++asked === 2) throw new Error("try later");
        return {};
      },
    });
    await client.connect();
    broker.transport.abort(new Error("cable cut"));
    await vi.advanceTimersByTimeAsync(2000);
    expect(asked).toBe(3);
    expect(client.state).toBe("connected");
    await client.disconnect();
  });

  test("a function that does not answer in time fails the attempt, and its signal is aborted", async () => {
    const broker = new ScriptedBroker();
    let signal: AbortSignal | undefined;
    const client = new BaseClient(broker.dial, {
      ...PATIENT,
      connectTimeout: 500,
      credentials: (attempt) => {
        signal = attempt.signal;
        return new Promise(() => undefined);
      },
    });
    const connecting = failure(client.connect());
    await vi.advanceTimersByTimeAsync(500);
    const error = await connecting;
    expect(error).toMatchObject({
      stage: "prepare",
      message: "no credentials or headers for the broker within 500 ms; did their function not answer?",
    });
    expect(signal?.reason).toBe(error);
    expect(broker.dialled).toBe(0);
  });

  test("that come after the attempt was given up open nothing", async () => {
    const broker = new ScriptedBroker();
    let answer: (credentials: Credentials) => void = () => undefined;
    const client = new BaseClient(broker.dial, {
      ...PATIENT,
      credentials: () => new Promise((resolve) => (answer = resolve)),
    });
    const connecting = failure(client.connect());
    await settled();
    await client.disconnect();
    answer({ login: "ann" });
    await settled();
    expect(await connecting).toMatchObject({ code: "invalid-state" });
    expect(broker.dialled).toBe(0);
  });

  test.each<[string, ClientOptions, string]>([
    [
      "nothing",
      { credentials: () => undefined as unknown as Credentials },
      "the function for credentials must give an object",
    ],
    [
      "a text",
      { headers: () => "tenant: 7" as unknown as HeadersInit },
      "the function for headers must give an object",
    ],
    ["a login that is no text", { credentials: () => ({ login: 7 as unknown as string }) }, "login must be a string"],
    [
      "a header of another option",
      { headers: () => ({ host: "x" }) },
      'header "host" of CONNECT has an argument or option of its own',
    ],
  ])("a function that gives %s is a TypeError, and is not asked again", async (_what, options, message) => {
    const broker = new ScriptedBroker();
    const client = new BaseClient(broker.dial, { ...PATIENT, retryFirstConnect: true, ...options });
    const told = statusesOf(client);
    await expect(client.connect()).rejects.toThrow(new TypeError(message));
    expect(told.at(-1)).toMatchObject({
      type: "disconnected",
      reason: { code: "connect", stage: "prepare", message: `connecting was given up: ${message}` },
    });
    expect(client.state).toBe("disconnected");
    expect(broker.dialled).toBe(0);
  });

  test.each<[ClientOptions, string]>([
    [{ credentials: { login: "ann" } as never }, "credentials must be a function"],
    [{ credentials: () => ({}), passcode: "secret" }, "give either credentials, or login and passcode"],
    [{ headers: { passcode: "secret" } }, 'header "passcode" of CONNECT has an argument or option of its own'],
  ])("%o is refused", (options, message) => {
    expect(() => new BaseClient(new ScriptedBroker().dial, options)).toThrow(new TypeError(message));
  });

  test("are in no status, no error and no frame that is shown", async () => {
    const shown: unknown[] = [];
    const broker = new ScriptedBroker({
      welcome: false,
      onFrame: (frame, self) => {
        if (frame.command === "CONNECT") self.send("ERROR", { message: "Bad CONNECT" });
      },
    });
    const client = new BaseClient(broker.dial, { ...PATIENT, credentials: () => ({ login: "ann", passcode: "hush" }) });
    client.onStatus((status) => shown.push(status));
    client.onFrame((frame) => shown.push([...Object.values(frame)].map(String)));
    shown.push(await failure(client.connect()));
    const text = shown.map((one) => JSON.stringify(one, Object.getOwnPropertyNames(Object(one)))).join();
    expect(text).not.toContain("hush");
    expect(said(broker, "passcode")).toEqual([["hush"]]);
  });
});
