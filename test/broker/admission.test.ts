import { describe, expect, test } from "vitest";
import { Broker, type BrokerOptions } from "../../src/broker/index.js";
import { VERSIONS } from "../../src/protocol/index.js";
import { RawClient, brief } from "./raw-client.js";

async function answer(options: BrokerOptions, headers: Readonly<Record<string, string>>): Promise<string[]> {
  await using broker = new Broker(options);
  await using client = await RawClient.connect(broker, { headers });
  return brief(client.frames);
}

describe("logging in", () => {
  test("is possible with any login, where no users are named", async () => {
    expect(await answer({}, {})).toEqual(["CONNECTED"]);
    expect(await answer({}, { login: "who", passcode: "ever" })).toEqual(["CONNECTED"]);
  });

  test.each([
    [{ login: "guest", passcode: "secret" }, "CONNECTED"],
    [{ login: "guest", passcode: "wrong" }, 'ERROR access refused for login "guest"'],
    [{ login: "guest" }, 'ERROR access refused for login "guest"'],
    [{ login: "nobody", passcode: "secret" }, 'ERROR access refused for login "nobody"'],
    [{ login: "__proto__", passcode: "secret" }, 'ERROR access refused for login "__proto__"'],
    [{ passcode: "secret" }, "ERROR access refused for login (none)"],
    [{}, "ERROR access refused for login (none)"],
  ])("with %j among users ends in %s", async (headers, expected) => {
    expect(await answer({ users: { guest: "secret" } }, headers)).toEqual([expected]);
  });

  test("is shown by the connection, without the passcode", async () => {
    await using broker = new Broker({ users: { guest: "secret" } });
    await using client = await RawClient.connect(broker, { headers: { login: "guest", passcode: "secret" } });
    expect(client.ended).toBeUndefined();
    expect(broker.connections[0]?.login).toBe("guest");
    expect(JSON.stringify(broker.connections)).not.toContain("secret");
  });

  test("never tells the passcode when it is refused", async () => {
    await using broker = new Broker({ users: { guest: "secret" } });
    await using client = await RawClient.connect(broker, { headers: { login: "guest", passcode: "hunter2" } });
    expect(client.text).not.toMatch(/secret|hunter2/);
    expect(client.ended).toEqual({ reason: undefined });
    expect(broker.connections).toEqual([]);
  });
});

describe("virtual hosts", () => {
  test("are all the same, where none are named", async () => {
    expect(await answer({}, { host: "anything" })).toEqual(["CONNECTED"]);
  });

  test("are refused when they are not among those that are named", async () => {
    const options = { virtualHosts: ["/", "dev"] };
    expect(await answer(options, { host: "dev" })).toEqual(["CONNECTED"]);
    expect(await answer(options, { host: "other" })).toEqual(['ERROR there is no virtual host "other"']);
  });

  test.each([
    [false, /^CONNECTED\nversion:1\.2\n/],
    [true, /^ERROR\nmessage:.*host/],
  ])("may be left out, unless the broker is strict: %j", async (strict, expected) => {
    await using broker = new Broker({ strict, virtualHosts: ["/"] });
    await using client = await RawClient.dial(broker);
    client.session.connect({ host: "/" }); // so that it knows the answer; what is said is below
    client.sayRaw("CONNECT\naccept-version:1.2\n\n\0");
    await client.heard();
    expect(client.text).toMatch(expected);
  });
});

describe("the version", () => {
  test.each([
    [["1.0"], "1.0"],
    [["1.1"], "1.1"],
    [["1.2"], "1.2"],
    [["1.0", "1.1"], "1.1"],
    [["1.0", "1.1", "1.2"], "1.2"],
  ] as const)("is the highest of those offered: of %j it is %s", async (versions, expected) => {
    await using broker = new Broker();
    await using client = await RawClient.connect(broker, { versions });
    expect(client.session.version).toBe(expected);
    expect(broker.connections[0]?.version).toBe(expected);
    expect(client.frames[0]?.headers.get("version")).toBe(expected);
    expect(client.frames[0]?.headers.has("heart-beat")).toBe(expected !== "1.0");
  });

  test("is the highest that the broker speaks too", async () => {
    await using broker = new Broker({ versions: ["1.0", "1.1"] });
    await using client = await RawClient.connect(broker);
    expect(client.session.version).toBe("1.1");
  });

  test("without one in common is refused, with those that are supported", async () => {
    await using broker = new Broker({ versions: ["1.0", "1.1"] });
    await using client = await RawClient.connect(broker, { versions: ["1.2"] });
    const [error] = client.frames;
    expect(error?.command).toBe("ERROR");
    expect(error?.headers.get("version")).toBe("1.0,1.1");
    expect(error?.headers.get("message")).toBe("no common version: the client accepts 1.2, supported are 1.0,1.1");
    expect(client.ended).toEqual({ reason: undefined });
  });

  test("of a client that says nothing about it is 1.0", async () => {
    await using broker = new Broker();
    await using client = await RawClient.dial(broker);
    client.session.connect({ host: "/" });
    client.sayRaw("CONNECT\n\n\0");
    await client.heard();
    expect(client.text).toMatch(/^CONNECTED\nversion:1\.0\n/);
  });

  test("is agreed on by the command STOMP as well", async () => {
    for (const version of VERSIONS) {
      await using broker = new Broker();
      await using client = await RawClient.dial(broker, { versions: [version] });
      client.transport.send(client.session.connect({ host: "/" }, "STOMP"));
      expect(brief(await client.heard())).toEqual(["CONNECTED"]);
    }
  });
});
