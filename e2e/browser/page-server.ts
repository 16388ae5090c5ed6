/** Serves a page to a browser. */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";

const dist = fileURLToPath(new URL("../../dist/", import.meta.url));

/** A page that is served. */
export interface PageServer extends AsyncDisposable {
  /** Where. */
  readonly url: string;
}

/** Serve one page, with headers of its own, and the built files as they lie in an installed package. */
export async function servePage(html: string, headers: Readonly<Record<string, string>> = {}): Promise<PageServer> {
  const server = createServer((request, response) => {
    const file = /^\/node_modules\/stompede\/dist\/([a-z-]+(?:\/[a-z-]+)?(?:\.min)?\.js)$/.exec(request.url ?? "")?.[1];
    if (file === undefined) {
      response.setHeader("content-type", "text/html; charset=utf-8");
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      response.end(html);
      return;
    }
    response.setHeader("content-type", "text/javascript");
    readFile(path.join(dist, file)).then(
      (content) => response.end(content),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  return {
    url: `http://127.0.0.1:${port ?? 0}/`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}
