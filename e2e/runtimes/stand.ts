/** What one run of the scenario needs around it: ways to the broker that can be broken, and somebody to report to. */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import { type Server as TcpServer, type Socket, createServer as createTcpServer } from "node:net";
import path from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { type Deferred, deferred } from "../../src/internal/deferred.js";
import { freePorts } from "../brokers/ports.js";
import type { RabbitMqAddress } from "../brokers/rabbitmq.js";
import { CuttingProxy, portOf } from "./cutting-proxy.js";
import type { Outcome, Place, Places } from "./inside/scenario.mjs";

/** How a run went. */
export interface Report {
  readonly outcomes: readonly Outcome[];
  /** What nobody caught. */
  readonly faults: readonly string[];
}

/** The carriers that runs go over. */
export const CARRIERS = ["ws", "tcp", "tls"] as const;
/** A carrier of STOMP. */
export type Carrier = (typeof CARRIERS)[number];

const WORKER = 'worker.onerror = ({ message }) => fetch("/report", { method: "POST", body: failed(message) });';
const FAILED = "const failed = (fault) => JSON.stringify({ outcomes: [], faults: [fault] });";

/** Pages, by their names. */
const PAGES: Readonly<Record<string, string>> = {
  module: '<script type="module" src="/inside/module.mjs"></script>',
  script:
    '<script src="/node_modules/stompede/dist/browser/stompede.min.js"></script><script src="/inside/script.js"></script>',
  "module-worker": `<script>${FAILED} const worker = new Worker("/inside/module.mjs", { type: "module" }); ${WORKER}</script>`,
  "script-worker": `<script>${FAILED} const worker = new Worker("/inside/script.js"); ${WORKER}</script>`,
};

const INSIDE = fileURLToPath(new URL("inside", import.meta.url));
const GONE_TIME = 10_000;

/** Everything around one run. */
export class Stand implements AsyncDisposable {
  readonly #report: Deferred<Report> = deferred();
  readonly #installed: string;
  readonly #proxies = new Map<string, CuttingProxy>();
  readonly #control = createServer();
  /** Takes connections, and never says a word. */
  readonly #mute = createTcpServer((socket) => socket.on("error", () => undefined).resume());
  readonly #closers: (() => Promise<unknown>)[] = [];
  #places: Places | undefined;

  private constructor(installed: string) {
    this.#installed = installed;
  }

  /** Set up a run over the carriers that the runtime has. `installed` is a project that has the package. */
  static async start(broker: RabbitMqAddress, carriers: readonly Carrier[], installed: string): Promise<Stand> {
    const stand = new Stand(installed);
    try {
      await stand.#open(broker, carriers);
      return stand;
    } catch (error) {
      await stand[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #open(broker: RabbitMqAddress, carriers: readonly Carrier[]): Promise<void> {
    for (const server of [this.#mute, this.#control]) this.#closers.push(await listen(server));
    const control = `127.0.0.1:${portOf(this.#control)}`;
    const [nobody = 0] = await freePorts(1);
    const places: Record<string, Place> = {};
    for (const carrier of carriers) {
      const { protocol, port, pathname } = new URL(broker.endpoints[carrier]);
      const proxy = await CuttingProxy.listen(Number(port));
      this.#closers.push(() => proxy[Symbol.asyncDispose]());
      this.#proxies.set(carrier, proxy);
      const at = (there: number): string => `${protocol}//127.0.0.1:${there}${pathname}`;
      places[carrier] = {
        url: at(proxy.port),
        nobody: at(nobody),
        mute: at(portOf(this.#mute)),
        ...(carrier === "ws" ? { elsewhere: `ws://${control}/nothing` } : {}),
      };
    }
    const lacks = (["tcp", "tls"] as const).filter((carrier) => !carriers.includes(carrier));
    this.#places = { control: `http://${control}`, carriers: places, lacks, ca: broker.ca };
    this.#control.on("request", (request: IncomingMessage, response: ServerResponse) => {
      this.#answer(request, response).catch((error: unknown) => {
        response.writeHead(500).end(String(error));
      });
    });
  }

  /** What the run is told. */
  get places(): Places {
    if (this.#places === undefined) throw new Error("the stand is not open");
    return this.#places;
  }

  /** Settles when the run has reported. */
  get report(): Promise<Report> {
    return this.#report.promise;
  }

  /** The URL of a page. */
  page(name: string): string {
    if (PAGES[name] === undefined) throw new Error(`there is no page ${name}`);
    return `${this.places.control}/page/${name}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#closers.map((close) => close()));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "/", this.places.control);
    response.setHeader("connection", "close"); // nothing is left that could keep a process alive
    if (request.method === "POST") {
      const body = await text(request);
      if (pathname === "/report") this.#report.resolve(JSON.parse(body) as Report);
      else await command(pathname.slice(1), this.#proxies.get(searchParams.get("carrier") ?? ""));
      response.end();
      return;
    }
    const file = pathname.startsWith("/inside/")
      ? path.join(INSIDE, path.basename(pathname))
      : /^\/node_modules\/stompede\/dist\/[\w./-]+\.js$/.test(pathname)
        ? path.join(this.#installed, pathname)
        : undefined;
    const page = PAGES[pathname.replace(/^\/page\//, "")];
    if (file !== undefined) response.setHeader("content-type", "text/javascript").end(await readFile(file));
    else if (pathname === "/places")
      response.setHeader("content-type", "application/json").end(JSON.stringify(this.places));
    else if (page !== undefined) {
      response.setHeader("content-type", "text/html; charset=utf-8");
      response.end(`<!doctype html><title>stompede</title><link rel="icon" href="data:,">${page}`);
    } else response.writeHead(404).end();
  }
}

async function command(what: string, proxy: CuttingProxy | undefined): Promise<void> {
  if (proxy === undefined) throw new Error("there is no such carrier");
  switch (what) {
    case "close":
    case "reset":
    case "silence":
      if (proxy.open === 0) throw new Error("there is no connection");
      proxy[what]();
      return;
    case "gone":
      if (!(await proxy.gone(GONE_TIME))) throw new Error(`still open: ${proxy.open}`);
      return;
    default:
      throw new Error(`${what} is unknown`);
  }
}

/** Let a server listen. What is returned ends it, and all of its connections. */
async function listen(server: TcpServer): Promise<() => Promise<unknown>> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return () => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  };
}
