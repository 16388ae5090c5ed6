import { type Page, expect, test } from "@playwright/test";
import { readRecipes } from "../recipes/recipes.js";
import { DemoProcess } from "./demo-process.js";
import { servePage } from "./page-server.js";

/** Where the built-in broker of a demonstration listens. */
async function brokerOf(demo: DemoProcess): Promise<string> {
  const config = (await (await fetch(`${demo.url}config.json`)).json()) as { url: string };
  return config.url;
}

/** What the page writes to the console, line by line. */
function consoleOf(page: Page): string[] {
  const lines: string[] = [];
  page.on("console", (message) => lines.push(message.text()));
  page.on("pageerror", (error) => lines.push(error.message));
  return lines;
}

test("the page in README.md works as it stands, but for its broker", async ({ page }) => {
  await using demo = await DemoProcess.start();
  const broker = await brokerOf(demo);
  const [recipe] = (await readRecipes("README.md")).filter(({ language }) => language === "html");
  const html = (recipe?.code ?? "")
    .replace("wss://broker.example/ws", broker)
    .replace("/topic/prices", "/topic/metrics.cpu");
  await using server = await servePage(html);
  const lines = consoleOf(page);
  await page.goto(server.url);
  await expect.poll(() => lines.length, { timeout: 10_000 }).toBeGreaterThan(3);
  expect(lines.slice(0, 2)).toEqual(["connecting", "connected"]);
  expect(lines[2]).toMatch(/\bcores\b/);
});

test("the file for a plain script tag makes the global stompede, which connects, sends and receives", async ({
  page,
}) => {
  await using demo = await DemoProcess.start();
  const broker = await brokerOf(demo);
  await using server = await servePage(`<!doctype html>
    <script src="/node_modules/stompede/dist/browser/stompede.min.js"></script>
    <script>
      (async () => {
        const client = await stompede.connect(${JSON.stringify(broker)});
        const subscription = await client.subscribe("/queue/script");
        await client.send("/queue/script", "grün 😀", { receipt: true });
        const { value } = await subscription.next();
        console.log(client.session.version, value.text());
        await client.disconnect();
        await stompede.connect("stomp://127.0.0.1:61613").catch((error) => console.log(error.name, error.message));
      })();
    </script>`);
  const lines = consoleOf(page);
  await page.goto(server.url);
  await expect.poll(() => lines.length).toBeGreaterThan(1);
  expect(lines).toEqual(["1.2 grün 😀", "TypeError this platform has no TCP; use a ws: or wss: URL"]);
});
