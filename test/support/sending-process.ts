/** A program of its own that sends, flushes, and exits. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { ConnectOptions } from "../../src/connect.js";

/** The program, built. */
export interface SendingProgram extends AsyncDisposable {
  /** Run it: it sends 1000 messages, without receipts, which begin with their number. Resolves to its exit code. */
  run(url: string, destination: string, options: ConnectOptions): Promise<number | null>;
}

const source = (path: string): string => fileURLToPath(new URL(`../../src/${path}`, import.meta.url));

const SCRIPT = `
const { connect } = require("./connect.cjs");
const [url, destination, options] = process.argv.slice(2);
(async () => {
  const client = await connect(url, JSON.parse(options));
  for (let i = 0; i < 1000; i++) await client.send(destination, i + " " + "x".repeat(i));
  await client.flush();
  process.exit();
})();
`;

/** Build it: Node does not run the sources as they are. */
export async function sendingProgram(): Promise<SendingProgram> {
  const folder = await mkdtemp(join(tmpdir(), "stompede-send-"));
  await build({
    entryPoints: [source("connect.ts")],
    outfile: join(folder, "connect.cjs"),
    bundle: true,
    format: "cjs",
    platform: "node",
    target: "node20",
    alias: {
      "#text": source("protocol/text.node.ts"),
      "#websocket": source("adapters/websocket-platform.node.ts"),
      "#page": source("internal/page.none.ts"),
      "#tcp": source("adapters/tcp.ts"),
    },
  });
  const script = join(folder, "send.cjs");
  await writeFile(script, SCRIPT);
  return {
    run: async (url, destination, options) => {
      const child = spawn(process.execPath, [script, url, destination, JSON.stringify(options)], {
        stdio: ["ignore", "inherit", "inherit"],
      });
      await once(child, "exit");
      return child.exitCode;
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}
