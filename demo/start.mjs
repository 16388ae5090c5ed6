/**
 * The demonstration: a broker, a producer of this machine's figures over TCP, and a page that shows them over WebSocket.
 *
 *     npm start
 *     npm start -- --broker ws://127.0.0.1:15674/ws --login guest --passcode guest
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { StompError, connect, exponentialBackoff } from "stompede";
import { TOPICS, produce } from "./producer.mjs";
import { servePage } from "./serve-page.mjs";

const USAGE = `usage: npm start -- [--port N] [--broker URL [--login NAME] [--passcode SECRET] [--host VHOST]]
  --port N       the page's port (default: a free one)
  --broker URL   use this broker (ws: or wss:) instead of the built-in one
  --login, --passcode, --host   how to log in there; the passcode may be in the variable STOMP_PASSCODE instead`;

/** @returns {{ port: number, broker: string | undefined, login: string | undefined, passcode: string | undefined, host: string | undefined } | undefined} */
function readArguments() {
  const text = /** @type {const} */ ({ type: "string" });
  const { values } = parseArgs({
    options: {
      port: text,
      broker: text,
      login: text,
      passcode: text,
      host: text,
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) return undefined;
  const port = Number(values.port ?? 0);
  if (!Number.isInteger(port) || port < 0 || port > 65535)
    throw new Error(`--port must be from 0 to 65535, not ${values.port}`);
  const { broker, login, host } = values;
  if (broker === undefined && (login !== undefined || values.passcode !== undefined || host !== undefined)) {
    throw new Error("--login, --passcode and --host are for the broker that --broker names");
  }
  if (broker !== undefined && !/^wss?:\/\//.test(broker)) {
    throw new Error(`--broker must be a ws: or wss: URL, for the page to reach it too, as ws://127.0.0.1:15674/ws`);
  }
  return { port, broker, login, host, passcode: values.passcode ?? process.env["STOMP_PASSCODE"] };
}

/** @returns {Promise<{ producer: string, page: string, close: () => Promise<void> }>} where the built-in broker listens */
async function startBroker() {
  const [{ Broker }, { serve }] = await Promise.all([import("stompede/broker"), import("stompede/broker/node")]);
  const broker = new Broker();
  const served = await serve(broker, { host: "127.0.0.1", tcpPort: 0, wsPort: 0 });
  if (served.tcp === undefined || served.ws === undefined) throw new Error("the built-in broker does not listen");
  return {
    producer: served.tcp.url,
    page: served.ws.url,
    close: async () => {
      await served.close();
      await broker.close();
    },
  };
}

/** @param {string} url @param {{ login: string | undefined, passcode: string | undefined, host: string | undefined }} access */
function connectOptions(url, { login, passcode, host }) {
  return {
    url,
    options: {
      ...(login === undefined ? {} : { login }),
      ...(passcode === undefined ? {} : { passcode }),
      ...(host === undefined ? {} : { host }),
    },
  };
}

async function main() {
  const given = readArguments();
  if (given === undefined) {
    console.log(USAGE);
    return;
  }
  const own = given.broker === undefined ? await startBroker() : undefined;
  const forProducer = connectOptions(own?.producer ?? given.broker ?? "", given);
  const forPage = connectOptions(own?.page ?? given.broker ?? "", given);
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => stop.abort());
  try {
    const reconnect = exponentialBackoff({ max: 5000 });
    const client = await connect(forProducer.url, { ...forProducer.options, reconnect, signal: stop.signal });
    const page = await servePage({ ...forPage, topics: TOPICS }, given.port);
    console.log(`page:      ${page.url}`);
    console.log(
      `broker:    ${forPage.url}${own === undefined ? "" : ` and ${forProducer.url} (built-in, for development)`}`,
    );
    console.log(`producer:  ${TOPICS}… each second, over ${forProducer.url.startsWith("ws") ? "WebSocket" : "TCP"}`);
    console.log("stop with Ctrl-C");
    client.onStatus((status) => {
      if (status.type === "disconnected" && status.reconnects) console.log(`broker lost: ${status.reason?.message}`);
      else if (status.type === "connected") console.log("broker:    connected again");
    });
    try {
      await produce(client, stop.signal);
    } finally {
      await client.disconnect();
      await page.close();
    }
  } finally {
    await own?.close();
  }
}

main().catch((/** @type {unknown} */ error) => {
  // What a user can do something about is told in a line; anything else with its stack.
  const known =
    error instanceof StompError || (error instanceof Error && !("stack" in error && error.name !== "Error"));
  if (error instanceof DOMException && error.name === "AbortError") return;
  console.error(known || error instanceof TypeError ? `stompede: ${/** @type {Error} */ (error).message}` : error);
  process.exitCode = 1;
});
