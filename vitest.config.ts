import { fileURLToPath } from "node:url";
import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";
import { CHROMIUM_ARGS, findChromium } from "./scripts/chromium.mjs";

const source = (path: string): string => fileURLToPath(new URL(`./src/${path}`, import.meta.url));
const node = {
  "#text": source("protocol/text.node.ts"),
  "#websocket": source("adapters/websocket-platform.node.ts"),
  "#tcp": source("adapters/tcp.ts"),
};
const web = {
  "#text": source("protocol/text.web.ts"),
  "#websocket": source("adapters/websocket-platform.web.ts"),
  "#tcp": source("adapters/tcp.unavailable.ts"),
};
const executablePath = findChromium();

export default defineConfig({
  test: {
    projects: [
      {
        resolve: { alias: node },
        test: {
          name: "node",
          include: ["test/**/*.test.ts"],
          exclude: ["test/**/*.browser.test.ts"],
          testTimeout: 30_000,
        },
      },
      {
        resolve: { alias: web },
        test: {
          name: "chromium",
          include: ["test/**/*.test.ts"],
          exclude: ["test/**/*.node.test.ts"],
          globalSetup: ["test/support/web-socket-peer.ts"],
          testTimeout: 30_000,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: { ...(executablePath === undefined ? {} : { executablePath }), args: CHROMIUM_ARGS },
            }),
            instances: [{ browser: "chromium" }],
          },
        },
      },
      {
        resolve: { alias: node },
        test: {
          name: "e2e",
          include: ["e2e/**/*.test.ts"],
          exclude: ["e2e/browser/**", "e2e/package/**"],
          globalSetup: ["e2e/brokers/global-setup.ts"],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "package",
          include: ["e2e/package/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
