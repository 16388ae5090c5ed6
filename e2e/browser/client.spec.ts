import { type Page, expect, test } from "@playwright/test";
import { Broker } from "../../src/broker/index.js";
import { serve } from "../../src/broker/node.js";
import { connect } from "../../src/index.js";
import { servePage } from "./page-server.js";

interface Served extends AsyncDisposable {
  readonly ws: string;
  readonly tcp: string;
}

async function startBroker(): Promise<Served> {
  const broker = new Broker({ heartBeat: { outgoing: 500, incoming: 500 } });
  const served = await serve(broker);
  return {
    ws: served.ws?.url ?? "",
    tcp: served.tcp?.url ?? "",
    [Symbol.asyncDispose]: async () => {
      await served.close();
      await broker.close();
    },
  };
}

/** A page whose script has the library, and what it is to know. */
function pageOf(script: string): string {
  return `<!doctype html><link rel="icon" href="data:,"><script type="module">
    import { Client, exponentialBackoff } from "/node_modules/stompede/dist/browser/stompede.js";
    import { indexedDbStore } from "/node_modules/stompede/dist/store-indexed-db.js";
    ${script}
  </script>`;
}

function consoleOf(page: Page): string[] {
  const lines: string[] = [];
  page.on("console", (message) => {
    lines.push(message.text());
  });
  return lines;
}

test("a page that crashes loses nothing that its outbox has", async ({ context }) => {
  await using broker = await startBroker();
  await using server = await servePage(
    pageOf(`
      const url = new URLSearchParams(location.search).get("broker");
      const client = new Client(url, {
        delivery: "at-least-once",
        retryFirstConnect: true,
        reconnect: exponentialBackoff({ initial: 100, max: 100 }),
        outbox: { store: indexedDbStore("crash") },
      });
      client.connect();
      const bodies = new URLSearchParams(location.search).getAll("send");
      for (const body of bodies) client.send("/queue/orders", body).then(() => console.log("confirmed " + body));
      // Only once the library has made the database: to open it makes it.
      const kept = async () => {
        const all = await indexedDB.databases();
        if (!all.some(({ name }) => name === "stompede-crash")) return 0;
        return new Promise((resolve) => {
          const request = indexedDB.open("stompede-crash");
          request.onsuccess = () => {
            const count = request.result.transaction("sends").objectStore("sends").count();
            count.onsuccess = () => { request.result.close(); resolve(count.result); };
          };
        });
      };
      globalThis.kept = kept;`),
  );
  const first = await context.newPage();
  await first.goto(`${server.url}?broker=ws://127.0.0.1:9/ws&send=one&send=two`); // nobody listens there
  await expect.poll(() => first.evaluate("kept()")).toBe(2);
  const devTools = await context.newCDPSession(first);
  const crashed = first.waitForEvent("crash");
  void devTools.send("Page.crash").catch(() => undefined); // it never answers
  await crashed;
  await first.close();

  await using subscriber = await connect(broker.tcp);
  const subscription = await subscriber.subscribe("/queue/orders", { receipt: true });
  const second = await context.newPage();
  const lines = consoleOf(second);
  await second.goto(`${server.url}?broker=${broker.ws}&send=three`);
  const texts: string[] = [];
  while (texts.length < 3) texts.push((await subscription.next()).value?.text() ?? "ended");
  expect(texts).toEqual(["one", "two", "three"]);
  await expect.poll(() => lines).toContain("confirmed three");
  await expect.poll(() => second.evaluate("kept()")).toBe(0);
});

test("two pages send with one store, and what one leaves goes out from the other by itself", async ({ context }) => {
  await using broker = await startBroker();
  await using server = await servePage(
    pageOf(`
      const url = new URLSearchParams(location.search).get("broker");
      const client = new Client(url, {
        delivery: "at-least-once",
        retryFirstConnect: true,
        reconnect: exponentialBackoff({ initial: 100, max: 100 }),
        outbox: { store: indexedDbStore("tabs") },
      });
      client.connect();
      globalThis.client = client;
      globalThis.count = () => new Promise((resolve) => {
        const request = indexedDB.open("stompede-tabs", 1);
        request.onsuccess = () => {
          const count = request.result.transaction("sends").objectStore("sends").count();
          count.onsuccess = () => { request.result.close(); resolve(count.result); };
        };
      });`),
  );
  await using subscriber = await connect(broker.tcp);
  const subscription = await subscriber.subscribe("/queue/orders", { receipt: true });
  const bodies = async (count: number): Promise<(string | undefined)[]> => {
    const all: (string | undefined)[] = [];
    for (let i = 0; i < count; i++) all.push((await subscription.next()).value?.text());
    return all;
  };
  const open = async (url: string): Promise<Page> => {
    const page = await context.newPage();
    await page.goto(`${server.url}?broker=${url}`);
    return page;
  };
  const stays = await open(broker.ws);
  await expect.poll(() => stays.evaluate("client.state")).toBe("connected");
  await stays.evaluate(`client.send("/queue/orders", "zero")`); // the database is made
  expect(await bodies(1)).toEqual(["zero"]);
  for (const end of ["closed", "crashed", "gone elsewhere"]) {
    const ends = await open("ws://127.0.0.1:9/ws"); // nobody listens there
    await ends.evaluate(`["one", "two"].forEach((body) => client.send("/queue/orders", body).catch(() => undefined))`);
    await expect.poll(() => ends.evaluate("count()")).toBe(2);
    await stays.evaluate(`client.send("/queue/orders", "three")`); // while the other one lives
    expect(await bodies(1)).toEqual(["three"]);
    if (end === "crashed") {
      const devTools = await context.newCDPSession(ends);
      const crashed = ends.waitForEvent("crash");
      void devTools.send("Page.crash").catch(() => undefined); // it never answers
      await crashed;
    }
    await (end === "gone elsewhere" ? ends.goto("about:blank") : ends.close());
    expect(await bodies(2)).toEqual(["one", "two"]);
    await expect.poll(() => stays.evaluate("count()")).toBe(0);
  }
});

for (const [title, headers] of [
  ["by a worker", {}],
  ["without one, where a policy forbids workers", { "content-security-policy": "worker-src 'none'" }],
] as const) {
  test(`a page goes on beating ${title}`, async ({ page }) => {
    await using broker = await startBroker();
    await using server = await servePage(
      pageOf(`
        const client = new Client(${JSON.stringify(broker.ws)}, { heartBeat: { outgoing: 500, incoming: 500 }, reconnect: false });
        await client.connect();
        globalThis.client = client;`),
      headers,
    );
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    await page.goto(server.url);
    await page.waitForFunction("globalThis.client?.metrics().heartBeatsSent > 5", undefined, { timeout: 10_000 });
    expect(await page.evaluate("client.state")).toBe("connected");
    await expect.poll(() => page.workers().length).toBe(title === "by a worker" ? 1 : 0);
    await page.evaluate("client.disconnect()");
    await expect.poll(() => page.workers().length).toBe(0);
    expect(errors).toEqual([]);
  });
}
