import { readFileSync, readdirSync } from "node:fs";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import {
  importCycles,
  importsOf,
  layerBreaches,
  longFiles,
  onlyExports,
  type SourceTree,
} from "./support/import-graph.js";

function readTree(folder: string): SourceTree {
  return new Map(
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts") && !path.endsWith(".d.ts"))
      .map((path) => [path.replaceAll(sep, "/"), readFileSync(join(folder, path), "utf8")]),
  );
}

const sources = readTree(fileURLToPath(new URL("../src", import.meta.url)));
const tests = readTree(fileURLToPath(new URL(".", import.meta.url)));

describe("the sources", () => {
  test("are found", () => {
    expect([...sources.keys()]).toEqual(expect.arrayContaining(["errors.ts", "transport.ts", "protocol/index.ts"]));
  });

  test("keep the layers", () => {
    expect(layerBreaches(sources)).toEqual([]);
  });

  test("import each other in no circle", () => {
    expect(importCycles(sources)).toEqual([]);
  });

  test("are short files", () => {
    expect(longFiles(sources, 350)).toEqual([]);
  });

  test("have an entry that does nothing but export", () => {
    expect(onlyExports("index.ts", sources.get("index.ts") ?? "const missing = true;")).toBe(true);
  });
});

describe("the tests", () => {
  test("are short files", () => {
    expect(longFiles(tests, 500)).toEqual([]);
  });
});

/** A small tree that keeps every rule, with `changes`. */
function madeUp(changes: Record<string, string> = {}): SourceTree {
  return new Map(
    Object.entries({
      "errors.ts": "export class StompError extends Error {}",
      "transport.ts": "export interface Transport {}",
      "store.ts": "export interface SendStore {}",
      "internal/fifo.ts": "",
      "protocol/text.node.ts": 'import { Buffer } from "node:buffer";',
      "protocol/text.web.ts": "",
      "protocol/index.ts": 'import { StompError } from "../errors.js"; import { textToUtf8 } from "#text";',
      "adapters/memory.ts": 'import type { Transport } from "../transport.js";',
      "adapters/secure-context.ts": 'import { createSecureContext } from "node:tls";',
      "adapters/tcp-target.ts": 'import type { LookupFunction } from "node:net"; import "./secure-context.js";',
      "adapters/tcp.ts": 'import { connect } from "node:tls"; import { readTcpTarget } from "./tcp-target.js";',
      "adapters/tcp.unavailable.ts": "",
      "adapters/websocket.ts": 'import { openWebSocket } from "#websocket";',
      "adapters/websocket-platform.node.ts": 'import WebSocket from "isomorphic-ws";',
      "adapters/websocket-platform.web.ts": "",
      "adapters/websocket-platform.isomorphic.ts": "",
      "stores/grouped-store.ts":
        'import type { SendStore } from "../store.js"; import "../errors.js"; import "../internal/fifo.js";',
      "stores/file-log.ts": 'import { open } from "node:fs/promises"; import { constants } from "node:fs";',
      "stores/file.ts": 'import "./file-log.js"; import "./grouped-store.js"; import { join } from "node:path";',
      "client/messages/message.ts": 'import type { Frame } from "../../protocol/index.js";',
      "client/messages/codec.ts": 'import type { Message } from "./message.js";',
      "client/sending/send.ts": 'import "../messages/codec.js"; import "../../internal/fifo.js";',
      "client/requests/requests.ts": 'import { send } from "../sending/send.js";',
      "client/client.ts":
        'import "./requests/requests.js"; import "./messages/message.js"; import "../protocol/index.js";',
      "broker/index.ts": 'import { memoryPair } from "../adapters/memory.js";',
      "broker/node.ts":
        'import { tcp } from "../adapters/tcp.js"; import "./index.js"; import "node:http"; import "ws";',
      "connect.ts": 'import { tcp } from "#tcp"; import "./client/client.js"; import "./adapters/websocket.js";',
      "index.ts": 'export { connect } from "./connect.js"; export * from "./errors.js";',
      ...changes,
    }),
  );
}

describe("the checker of the layers", () => {
  test("is content with a tree that keeps the rules", () => {
    expect(layerBreaches(madeUp())).toEqual([]);
    expect(importCycles(madeUp())).toEqual([]);
  });

  test.each([
    ["errors.ts", 'import type { Transport } from "./transport.js";', "the foundations import nothing"],
    ["internal/fifo.ts", 'import { Frame } from "../protocol/index.js";', "internal helpers may not"],
    ["internal/fifo.ts", 'import { text } from "#text";', "that is not for it"],
    ["protocol/index.ts", 'import type { Transport } from "../transport.js";', "the protocol core may not"],
    ["protocol/index.ts", 'import { Fifo } from "../internal/fifo.js";', "the protocol core may not"],
    ["protocol/index.ts", 'import { Buffer } from "node:buffer";', "that is not for it"],
    ["adapters/memory.ts", 'import { Frame } from "../protocol/index.js";', "an adapter may not"],
    ["adapters/memory.ts", 'export { tcp } from "./tcp.js";', "adapters do not know each other"],
    ["adapters/secure-context.ts", 'import { tcp } from "./tcp.js";', "adapters do not know each other"],
    ["adapters/memory.ts", 'import { connect } from "node:net";', "that is not for it"],
    ["adapters/websocket.ts", 'import WebSocket from "isomorphic-ws";', "that is not for it"],
    ["adapters/memory.ts", 'import { openWebSocket } from "#websocket";', "that is not for it"],
    ["store.ts", 'import { StompError } from "./errors.js";', "the foundations import nothing"],
    ["stores/grouped-store.ts", 'import { Frame } from "../protocol/index.js";', "a store may not"],
    ["stores/grouped-store.ts", 'import type { Transport } from "../transport.js";', "a store may not"],
    ["stores/grouped-store.ts", 'import { Client } from "../client/client.js";', "a store may not"],
    ["stores/grouped-store.ts", 'import { open } from "node:fs/promises";', "that is not for it"],
    ["stores/grouped-store.ts", 'import { join } from "node:path";', "that is not for it"],
    ["stores/file.ts", 'import { connect } from "node:net";', "that is not for it"],
    ["stores/file.ts", 'import { spawn } from "node:child_process";', "that is not for it"],
    ["client/client.ts", 'import { fileStore } from "../stores/file.js";', "the client may not"],
    ["client/client.ts", 'import { tcp } from "#tcp";', "that is not for it"],
    ["client/client.ts", 'type Tcp = typeof import("../adapters/tcp.js");', "the client may not"],
    ["client/client.ts", 'const memory = await import("../adapters/memory.js");', "the client may not"],
    ["client/client.ts", 'import { connect } from "../connect.js";', "the client may not"],
    ["client/messages/message.ts", 'import "../sending/send.js";', "messages does not stand above sending"],
    [
      "client/sending/send.ts",
      'import type { R } from "../requests/requests.js";',
      "sending does not stand above requests",
    ],
    ["client/sending/send.ts", 'import type { C } from "../client.js";', "sending does not stand above client.ts"],
    ["client/misplaced.ts", 'import "./messages/message.js";', "a file of the client belongs to no chapter"],
    ["client/elsewhere/file.ts", 'import "../messages/message.js";', "a file of the client belongs to no chapter"],
    ["broker/index.ts", 'import { tcp } from "../adapters/tcp.js";', "the broker may not"],
    ["broker/index.ts", 'import { Client } from "../client/client.js";', "the broker may not"],
    ["broker/index.ts", 'import { serve } from "./node.js";', undefined],
    ["broker/node.ts", 'import { Client } from "../client/client.js";', "the broker's server may not"],
    ["index.ts", 'export { Fifo } from "./internal/fifo.js";', "the entry may not"],
    ["client/client.ts", 'import lodash from "lodash";', "no file may import this"],
    ["client/client.ts", "await import(name);", "no file may import this"],
    ["client/client.ts", 'import "./gone.js";', "there is no such file"],
    ["misplaced.ts", 'import "./errors.js";', "its file belongs to no layer"],
  ])("says of %s with %s: %s", (path, text, breach) => {
    const breaches = layerBreaches(madeUp({ [path]: text }));
    expect(breaches).toEqual(breach === undefined ? [] : [`${path} imports ${importsOf(path, text)[0]}: ${breach}`]);
  });

  test("finds a circle, also one of types and one through a platform import", () => {
    expect(
      importCycles(
        madeUp({
          "client/messages/a.ts": 'import type { B } from "./b.js";',
          "client/messages/b.ts": 'export * from "./a.js";',
        }),
      ),
    ).toEqual(["client/messages/a.ts → client/messages/b.ts → client/messages/a.ts"]);
    expect(importCycles(madeUp({ "protocol/text.web.ts": 'import "./index.js";' }))).toEqual([
      "protocol/text.web.ts → protocol/index.ts → protocol/text.web.ts",
    ]);
  });

  test("finds a long file, but lets entries be", () => {
    const tree = new Map([
      ["long.ts", "const x = 1;\n".repeat(351)],
      ["short.ts", "const x = 1;\n".repeat(350)],
      ["entry.ts", 'export { x } from "./short.js";\n'.repeat(351)],
    ]);
    expect(longFiles(tree, 350)).toEqual(["long.ts has 351 lines, limit is 350"]);
  });
});
