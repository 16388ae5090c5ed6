import { ConnectError } from "../../src/index.js";
import { expect } from "vitest";
import { later } from "../support/later.js";
import { failure, takeOne } from "../support/messages.js";
import { CATALOGUE } from "./catalogue.js";
import { type Case, conform, holds } from "./conform.js";
import { expected } from "./subject.js";

holds(
  "a session has the version that was offered, and is ended by DISCONNECT",
  async (at) => {
    const client = await at.open();
    expect(client.session?.version).toBe(at.version);
    await client.disconnect();
    expect(client.state).toBe("disconnected");
  },
  [],
);

holds(
  "of several versions the highest that is common is taken",
  async (at) => {
    await using client = await at.open({ versions: ["1.0", "1.1", "1.2"] });
    expect(client.session?.version).toBe(at.subject.versions.at(-1));
  },
  [],
);

holds(
  "a wrong passcode is told as such, and not in the error",
  async (at) => {
    const error = await failure(at.open({ passcode: "a-wrong-one" }));
    expect(error).toBeInstanceOf(ConnectError);
    expect(error).toMatchObject({ stage: "handshake" });
    expect(String(error)).not.toContain("a-wrong-one");
  },
  (at) => expected(at.subject.expects.wrongPasscode, at)?.includes("not a word, stays open") !== true,
);

holds(
  "heart-beats keep a session alive that has nothing to say",
  async (at) => {
    // ActiveMQ waits for the time agreed and no longer; what else is tested at the time must not hold us up for half of it.
    await using client = await at.open({ heartBeat: { outgoing: 5000, incoming: 5000 } });
    let ended: string | undefined;
    client.onStatus((status) => {
      if (status.type === "disconnected") ended = String(status.reason);
    });
    const agreed = client.session?.heartBeat;
    await later(16_000);
    expect(ended).toBeUndefined();
    expect(agreed?.outgoing).toBeGreaterThan(0);
    expect(agreed?.incoming).toBeGreaterThan(0);
    const subscription = await client.subscribe(at.queue());
    await client.send(subscription.destination, "still there");
    await takeOne(subscription);
  },
  ({ version }) => version !== "1.0",
);

conform("server", async (at) => {
  await using client = await at.open();
  const kind = (client.session?.server ?? "none").replace(/\/.*/s, "/…");
  const answer = CATALOGUE.connecting.behaviours.server.answers.find((one) => one.replaceAll("`", "") === kind);
  if (answer === undefined) throw new Error(`another one: ${kind}`);
  return answer;
});

conform("wrongPasscode", async (at) => {
  await using peer = await at.raw(false);
  peer.send("CONNECT", at.connectHeaders({ passcode: "wrong" }));
  const first = await peer.next(5000);
  if (first === undefined) return "not a word, stays open";
  if (first === "ended") return "closes without a word";
  expect(first?.command).toBe("ERROR");
  return (await peer.next(3000)) === "ended" ? "ERROR, closes" : "ERROR, stays open";
});

conform("noLogin", async (at) =>
  (await connected(at, { login: "", passcode: "" })) ? "is the default user" : "is refused",
);

conform("unknownHost", async (at) => ((await connected(at, { host: "no-such-host" })) ? "is ignored" : "is refused"));

/** Whether a CONNECT with other headers than usual is accepted; an empty one is left out. */
async function connected(at: Case, headers: Readonly<Record<string, string>>): Promise<boolean> {
  await using peer = await at.raw(false);
  const all = Object.entries(at.connectHeaders(headers)).filter(([, value]) => value !== "");
  peer.send("CONNECT", all);
  const first = await peer.next(10_000);
  return typeof first === "object" && first.command === "CONNECTED";
}

conform("heartBeat", async (at) => {
  await using peer = await at.raw(false);
  peer.send("CONNECT", at.connectHeaders({ "heart-beat": "1500,1500" }));
  const { headers } = await peer.until(({ command }) => command === "CONNECTED");
  if (at.subject.heartBeat !== undefined && headers.get("heart-beat") === at.subject.heartBeat)
    return "what the server is set to";
  switch (headers.get("heart-beat")) {
    case "1500,1500":
      return "1500 and 1500 ms, as asked";
    case "1000,1000":
      return "1000 and 1000 ms: whole seconds, rounded down";
    case undefined:
      return "none, in this version";
    default:
      throw new Error(`heart-beat:${String(headers.get("heart-beat"))}`);
  }
});

conform("silence", async (at) => {
  await using peer = await at.raw({ "heart-beat": "1000,0" });
  const first = await peer.next(12_000);
  if (first === undefined) return "is kept";
  if (first === "ended") return "is dropped";
  expect(first.command).toBe("ERROR");
  expect(await peer.next(12_000)).toBe("ended");
  return "is dropped after an ERROR";
});

conform("connectTwice", async (at) => {
  await using peer = await at.raw();
  return await peer.answerTo(() => {
    peer.send("CONNECT", at.connectHeaders({ receipt: "subject" }));
  });
});
