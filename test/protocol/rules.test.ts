import { describe, expect, test } from "vitest";
import { COMMANDS, type Command, isCommandOf, mayHaveBody } from "../../src/protocol/command.js";
import { DEFAULT_LIMITS, limitsOf } from "../../src/protocol/limits.js";
import { brokerKindOf } from "../../src/protocol/broker-kinds.js";
import { type Phase, nextPhase } from "../../src/protocol/state.js";
import { missingHeader, requireHeaders } from "../../src/protocol/validate.js";
import {
  VERSIONS,
  acceptVersionOf,
  negotiateVersion,
  orderVersions,
  subprotocolsOf,
} from "../../src/protocol/version.js";

const commands = [...COMMANDS.keys()];

describe("commands", () => {
  test("are the fifteen of the specification, each of one side", () => {
    expect(commands.filter((command) => isCommandOf(command, "client"))).toHaveLength(11);
    expect(commands.filter((command) => isCommandOf(command, "server"))).toEqual([
      ...["CONNECTED", "MESSAGE", "RECEIPT", "ERROR"],
    ]);
    for (const text of ["send", "", "constructor", "SEND "]) expect(isCommandOf(text, "client")).toBe(false);
  });

  test("have a body in three cases", () => {
    expect(commands.filter((command) => mayHaveBody(command as "SEND"))).toEqual(["SEND", "MESSAGE", "ERROR"]);
  });
});

describe("versions", () => {
  test("are offered newest first as subprotocols, oldest first in accept-version", () => {
    expect(subprotocolsOf(VERSIONS)).toEqual(["v12.stomp", "v11.stomp", "v10.stomp"]);
    expect(subprotocolsOf(["1.0", "1.2"])).toEqual(["v12.stomp", "v10.stomp"]);
    expect(acceptVersionOf(["1.2", "1.0", "1.1"])).toBe("1.0,1.1,1.2");
    expect(orderVersions(["1.0", "1.2", "1.0"])).toEqual(["1.2", "1.0"]);
  });

  test.each([
    [undefined, VERSIONS, "1.0"],
    ["1.0,1.1,1.2", VERSIONS, "1.2"],
    ["1.2", ["1.1"], undefined],
    ["1.1,1.0", ["1.0", "1.2"], "1.0"],
    ["", VERSIONS, undefined],
    [undefined, ["1.2"], undefined],
  ] as const)("of accept-version %j and %o it is %s", (accepted, supported, version) => {
    expect(negotiateVersion(accepted, supported)).toBe(version);
  });

  test("that are none are refused", () => {
    expect(() => orderVersions([])).toThrow(new RangeError("versions must not be empty"));
    expect(() => orderVersions(["1.3" as "1.2"])).toThrow(
      new TypeError("versions must be of 1.0, 1.1 and 1.2, not 1.3"),
    );
  });
});

describe("the states of a session", () => {
  const legal: Record<Phase, [who: "client" | "server", command: string, next: Phase][]> = {
    idle: [
      ["client", "CONNECT", "connecting"],
      ["client", "STOMP", "connecting"],
      ["server", "ERROR", "refused"],
    ],
    connecting: [
      ["server", "CONNECTED", "connected"],
      ["server", "ERROR", "refused"],
    ],
    connected: [
      ...["SEND", "SUBSCRIBE", "UNSUBSCRIBE", "ACK", "NACK", "BEGIN", "COMMIT", "ABORT"].map(
        (command): ["client", string, Phase] => ["client", command, "connected"],
      ),
      ["client", "DISCONNECT", "disconnecting"],
      ...["MESSAGE", "RECEIPT", "ERROR"].map((command): ["server", string, Phase] => ["server", command, "connected"]),
    ],
    disconnecting: ["MESSAGE", "RECEIPT", "ERROR"].map((command) => ["server", command, "disconnecting"]),
    refused: [],
  };

  test.each(Object.entries(legal))("%s allows just what it should", (phase, allowed) => {
    for (const who of ["client", "server"] as const) {
      for (const command of commands) {
        const expected = allowed.find(([by, said]) => by === who && said === command)?.[2];
        expect(nextPhase(phase as Phase, who, command as "SEND")).toBe(expected);
      }
    }
  });
});

describe("the headers that a frame needs", () => {
  test.each([
    ["SEND", ["destination"], ["destination"], ["destination"]],
    ["SUBSCRIBE", ["destination"], ["destination", "id"], ["destination", "id"]],
    ["UNSUBSCRIBE", ["destination"], ["id"], ["id"]],
    ["ACK", ["message-id"], ["message-id", "subscription"], ["id"]],
    ["NACK", ["message-id"], ["message-id", "subscription"], ["id"]],
    ["BEGIN", ["transaction"], ["transaction"], ["transaction"]],
    ["COMMIT", ["transaction"], ["transaction"], ["transaction"]],
    ["ABORT", ["transaction"], ["transaction"], ["transaction"]],
    ["DISCONNECT", [], [], []],
    ["CONNECT", [], ["accept-version", "host"], ["accept-version", "host"]],
    ["STOMP", [], ["accept-version", "host"], ["accept-version", "host"]],
    ["CONNECTED", [], ["version"], ["version"]],
    ["MESSAGE", ["message-id", "destination"], ["message-id", "destination", "subscription"], undefined],
    ["RECEIPT", ["receipt-id"], ["receipt-id"], ["receipt-id"]],
    ["ERROR", [], [], []],
  ] as [Command, string[], string[], string[]?][])(
    "of %s: %o in 1.0, %o in 1.1, %o in 1.2",
    (command, of10, of11, of12 = of11) => {
      for (const [version, needed] of [
        ["1.0", of10],
        ["1.1", of11],
        ["1.2", of12],
      ] as const) {
        const all = new Map(needed.map((name) => [name, "x"]));
        expect(missingHeader(command, version, (name) => all.has(name))).toBeUndefined();
        for (const name of needed) {
          const others = new Map([...all].filter(([other]) => other !== name));
          expect(missingHeader(command, version, (other) => others.has(other))).toBe(name);
          expect(() => {
            requireHeaders(command, version, others);
          }).toThrow(`${command} frame has no ${name} header, which STOMP ${version} requires`);
        }
      }
    },
  );

  test("in 1.0 an UNSUBSCRIBE has an id or a destination", () => {
    expect(missingHeader("UNSUBSCRIBE", "1.0", (name) => name === "id")).toBeUndefined();
  });
});

describe("limits", () => {
  test("have defaults, and may be given one by one", () => {
    expect(DEFAULT_LIMITS).toEqual({ headerBytes: 2 ** 20, headers: 1000, bodyBytes: 2 ** 27 });
    expect(limitsOf()).toEqual(DEFAULT_LIMITS);
    expect(limitsOf({ headers: 5 })).toEqual({ ...DEFAULT_LIMITS, headers: 5 });
  });

  test.each([0, -1, 1.5, Number.NaN, Infinity, "5" as unknown as number])("of %s are refused", (value) => {
    for (const name of ["headerBytes", "headers", "bodyBytes"]) {
      expect(() => limitsOf({ [name]: value })).toThrow(
        new RangeError(`limits.${name} must be a positive integer, not ${String(value)}`),
      );
    }
  });
});

describe("what brokers do against the specification", () => {
  test.each([
    ["RabbitMQ/3.10.8", "1.0", { reading: "1.2", writing: "backslash" }],
    ["RabbitMQ/4.3.5", "1.1", { reading: "1.2" }],
    ["RabbitMQ/3.10.8", "1.2", {}],
    ["ActiveMQ/5.17.2", "1.1", {}],
    ["not RabbitMQ/3", "1.1", {}],
    [undefined, "1.1", {}],
  ] as const)("%s in %s: %o", (server, version, escapes) => {
    expect(brokerKindOf(server).escapes[version] ?? {}).toEqual(escapes);
  });
});
