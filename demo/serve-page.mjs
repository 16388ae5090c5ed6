/** Serves the page, the built browser file and the chart library, to this machine only. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const uplot = path.dirname(createRequire(import.meta.url).resolve("uplot/package.json"));

/** @type {ReadonlyMap<string, string>} what may be asked for, and the file that it is */
const FILES = new Map([
  ["/", path.join(here, "page/index.html")],
  ["/app.js", path.join(here, "page/app.js")],
  ["/charts.js", path.join(here, "page/charts.js")],
  ["/style.css", path.join(here, "page/style.css")],
  ["/stompede.js", path.join(here, "../dist/browser/stompede.js")],
  ["/stompede.js.map", path.join(here, "../dist/browser/stompede.js.map")],
  ["/uplot.js", path.join(uplot, "dist/uPlot.esm.js")],
  ["/uplot.css", path.join(uplot, "dist/uPlot.min.css")],
]);

/** @type {Readonly<Record<string, string>>} */
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".map": "application/json",
};

/**
 * Listen on 127.0.0.1. `config` is what the page asks for as `/config.json`.
 *
 * @param {unknown} config
 * @param {number} port 0: a free one
 * @returns {Promise<{ url: string, close: () => Promise<void> }>}
 */
export async function servePage(config, port = 0) {
  const server = createServer((request, response) => {
    respond(request, response, config).catch((/** @type {unknown} */ error) => {
      response.destroy(error instanceof Error ? error : undefined);
    });
  });
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(undefined));
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the page's server has no port");
  return {
    url: `http://127.0.0.1:${address.port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/**
 * @param {import("node:http").IncomingMessage} request
 * @param {import("node:http").ServerResponse} response
 * @param {unknown} config
 */
async function respond(request, response, config) {
  const { pathname } = new URL(request.url ?? "/", "http://127.0.0.1");
  response.setHeader("cache-control", "no-store");
  // A page of another origin, or one that a name was bent to, is not to read the config.
  if (!/^(127\.0\.0\.1|localhost)(:[0-9]+)?$/.test(request.headers.host ?? "")) {
    response.writeHead(403).end("this page is for this machine only\n");
    return;
  }
  if (pathname === "/config.json") {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(config));
    return;
  }
  const file = FILES.get(pathname);
  if (file === undefined || !(await stat(file).catch(() => undefined))?.isFile()) {
    response.writeHead(404).end("not found\n");
    return;
  }
  response.setHeader("content-type", TYPES[path.extname(file)] ?? "application/octet-stream");
  createReadStream(file).pipe(response);
}
