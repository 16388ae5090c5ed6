import process from "node:process";
import { type Page, expect, test } from "@playwright/test";
import { DemoProcess } from "./demo-process.js";

/** Use the page as its user does, and see that it tells the truth. */
async function use(page: Page, url: string, server: RegExp): Promise<void> {
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(message.text());
  });
  await page.goto(url);
  await expect(page.locator("#state")).toHaveText("connected");
  await expect(page.locator("#session")).toHaveText(server);

  // Live figures: they come each second, so that what is shown changes.
  await expect(page.locator("#cpu-now")).toHaveText(/^[0-9.]+ %$/);
  await expect(page.locator("#memory-now")).toHaveText(/^[0-9.]+ of [0-9.]+ GB$/);
  await expect(page.locator("#load-now")).toHaveText(/on [0-9]+ cores$/);
  await expect(page.locator("#event-loop-now")).toHaveText(/^p99 [0-9.]+ ms$/);
  await expect(page.locator("#processes tr").first()).toBeVisible();
  const before = await page.locator("#processes").innerText();
  await expect(page.locator("#processes")).not.toHaveText(before, { useInnerText: true, timeout: 10_000 });
  for (const chart of ["cpu", "memory", "load", "event-loop"]) {
    await expect(page.locator(`#${chart} canvas`)).toBeVisible();
  }

  // Subscribe, send, see it arrive: every escapable character, and more than ASCII.
  const destination = `/queue/page-${Date.now()}`;
  const body = "grün\\n: 日本語 😀";
  await page.locator("#subscribe [name=destination]").fill(destination);
  await page.locator("#subscribe button").click();
  await expect(page.locator("#subscriptions li")).toContainText(destination);
  await page.locator("#send [name=destination]").fill(destination);
  await page.locator("#send [name=body]").fill(body);
  await page.locator("#send button").click();
  await expect(page.locator("#sent")).toHaveText(/^confirmed by the broker after/);
  await expect(page.locator("#messages li")).toHaveText(`${destination}${body}`);
  await page.locator("#subscriptions button").click();
  await expect(page.locator("#subscriptions li")).toHaveCount(0);
  expect(problems).toEqual([]);
}

test("the page shows the machine live and lets its user send and subscribe, with the built-in broker", async ({
  page,
}, info) => {
  await using demo = await DemoProcess.start();
  await use(page, demo.url, /^STOMP 1\.2, /);
  await page.screenshot({ path: info.outputPath("page.png"), fullPage: true });
  expect(await demo.stop()).toBe(0);
  await expect(page.locator("#state")).toHaveText("reconnecting");
  await expect(page.locator("#problem")).toContainText(/attempt \d+ follows in/);
  await expect(page.locator("#reconnect")).toBeVisible();
});

test("the page does the same with RabbitMQ", async ({ page }, info) => {
  const url = process.env["RABBITMQ_WS_URL"];
  test.skip(url === undefined, `no RabbitMQ: ${process.env["RABBITMQ_MISSING"] ?? "it was not started"}`);
  await using demo = await DemoProcess.start("--broker", String(url), "--login", "guest", "--passcode", "guest");
  await use(page, demo.url, /^STOMP 1\.2, RabbitMQ\//);
  await page.screenshot({ path: info.outputPath("page-rabbitmq.png"), fullPage: true });
});

test("the demonstration says in one line what is wrong", async () => {
  await expect(DemoProcess.start("--broker", "ws://127.0.0.1:1/ws")).rejects.toThrow(
    /ended with 1:\nstompede: could not connect to ws:\/\/127\.0\.0\.1:1\/ws: nobody listens there \(ECONNREFUSED\)[^\n]*\n$/,
  );
  await expect(DemoProcess.start("--broker", "nonsense")).rejects.toThrow(/--broker must be a ws: or wss: URL/);
});
