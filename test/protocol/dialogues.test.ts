import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type ClientCommand,
  ClientSession,
  type Command,
  type ServerCommand,
  ServerSession,
  VERSIONS,
  type Version,
} from "../../src/protocol/index.js";
import { cut, cuts, joined } from "../support/frames.js";

type Said = readonly [command: Command, headers: Readonly<Record<string, string>>, body: string];

const name = fc.constantFrom("a", "b:1", "c\\d", "é😀", "__proto__");
const body = fc.constantFrom("", "hello", "a\0b", "語\n\n\0😀");

/** Something that a client may say in a session of a version. */
function clientSays(version: Version): fc.Arbitrary<Said> {
  const id = version === "1.0" ? name.map((text) => text.replace(":", "")) : name;
  const settle = (command: Command): fc.Arbitrary<Said> =>
    id.map((text) => {
      if (version === "1.2") return [command, { id: text }, ""];
      return [command, { "message-id": text, subscription: text }, ""];
    });
  return fc.oneof(
    fc.tuple(id, body).map(([text, content]): Said => ["SEND", { destination: `/queue/${text}`, note: text }, content]),
    id.map((text): Said => ["SUBSCRIBE", { destination: "/queue/a", id: text, receipt: text }, ""]),
    id.map((text): Said => ["UNSUBSCRIBE", { id: text }, ""]),
    settle("ACK"),
    ...(version === "1.0" ? [] : [settle("NACK")]),
    ...(["BEGIN", "COMMIT", "ABORT"] as const).map((command) =>
      id.map((text): Said => [command, { transaction: text }, ""]),
    ),
  );
}

/** Something that a server may say. */
function serverSays(version: Version): fc.Arbitrary<Said> {
  const id = version === "1.0" ? name.map((text) => text.replace(":", "")) : name;
  return fc.oneof(
    fc.tuple(id, body).map(([text, content]): Said => {
      return ["MESSAGE", { "message-id": text, destination: "/queue/a", subscription: text }, content];
    }),
    id.map((text): Said => ["RECEIPT", { "receipt-id": text }, ""]),
    fc.tuple(id, body).map(([text, content]): Said => ["ERROR", { message: text }, content]),
  );
}

interface Turn {
  readonly who: "client" | "server";
  readonly says: readonly Said[];
  readonly cuts: number[];
}

function turns(version: Version): fc.Arbitrary<Turn[]> {
  const turn = fc.oneof(
    fc.record({ who: fc.constant("client" as const), says: fc.array(clientSays(version), { maxLength: 4 }), cuts }),
    fc.record({ who: fc.constant("server" as const), says: fc.array(serverSays(version), { maxLength: 4 }), cuts }),
  );
  return fc.array(turn, { maxLength: 6 });
}

/** Take what was said: chunks of a turn, pushed one by one. */
function hear(session: ClientSession | ServerSession, octets: Uint8Array, places: readonly number[]): Said[] {
  const heard: Said[] = [];
  for (const chunk of cut(octets, places)) {
    session.push(chunk);
    for (let frame = session.next(); frame !== undefined; frame = session.next()) {
      const headers = Object.fromEntries([...frame.headers].filter(([key]) => key !== "content-length"));
      heard.push([frame.command, headers, frame.text()]);
    }
  }
  session.end();
  return heard;
}

describe.each(VERSIONS)("a client and a server of STOMP %s", (version) => {
  test("hear what the other says and agree on where they stand, whatever legal dialogue they have", () => {
    fc.assert(
      fc.property(turns(version), fc.constantFrom("CONNECT", "STOMP"), fc.boolean(), (dialogue, command, beats) => {
        const heartBeat = beats ? { outgoing: 100, incoming: 200 } : { outgoing: 0, incoming: 0 };
        const client = new ClientSession({ versions: [version], heartBeat, strict: true });
        const server = new ServerSession({ heartBeat, strict: true });

        server.push(client.connect([["host", "/"]], command));
        expect([client.phase, server.phase]).toEqual(["connecting", "idle"]);
        expect(server.next()?.command).toBe(command);
        client.push(server.connected({ server: "test" }));
        expect(client.next()?.headers.get("server")).toBe("test");
        expect([client.phase, server.phase]).toEqual(["connected", "connected"]);
        expect([client.version, server.version]).toEqual([version, version]);
        const agreed = beats && version !== "1.0" ? { outgoing: 200, incoming: 200 } : { outgoing: 0, incoming: 0 };
        expect([client.heartBeat, server.heartBeat]).toEqual([agreed, agreed]);

        for (const { who, says, cuts: places } of dialogue) {
          const frames = says.map(([said, headers, content]) => {
            if (who === "client") return client.encode(said as ClientCommand, headers, content);
            return server.encode(said as Exclude<ServerCommand, "CONNECTED">, headers, content);
          });
          const heard = hear(who === "client" ? server : client, joined(frames), places);
          expect(heard).toEqual(says);
          expect([client.phase, server.phase]).toEqual(["connected", "connected"]);
        }

        const end = client.encode("DISCONNECT", { receipt: "end" });
        expect(hear(server, joined([end]), [])).toEqual([["DISCONNECT", { receipt: "end" }, ""]]);
        expect([client.phase, server.phase]).toEqual(["disconnecting", "disconnecting"]);
        const receipt = server.encode("RECEIPT", { "receipt-id": "end" });
        expect(hear(client, joined([receipt]), [])).toEqual([["RECEIPT", { "receipt-id": "end" }, ""]]);
        expect(() => client.encode("SEND", { destination: "/q" })).toThrow("SEND is not allowed while disconnecting");
      }),
      { numRuns: 150 },
    );
  });
});
