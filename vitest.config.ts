import { fileURLToPath } from "node:url";
import { playwright } from "@vitest/browser-playwright";
import { defineConfig, type TestProjectConfiguration } from "vitest/config";
import { CHROMIUM_ARGS, findChromium } from "./scripts/browser.mjs";

const source = (path: string): string => fileURLToPath(new URL(`src/${path}`, import.meta.url));

// What package.json's "imports" choose by platform.
const node = {
  "#text": source("protocol/text.node.ts"),
  "#websocket": source("adapters/websocket-platform.node.ts"),
  "#page": source("internal/page.none.ts"),
  "#tcp": source("adapters/tcp.ts"),
};
const web = {
  "#text": source("protocol/text.web.ts"),
  "#websocket": source("adapters/websocket-platform.web.ts"),
  "#page": source("internal/page.web.ts"),
  "#tcp": source("adapters/tcp.unavailable.ts"),
};

/** What is run against every broker. */
const BROKERS = ["e2e/conformance/*.test.ts"];

const projects: TestProjectConfiguration[] = [
  {
    resolve: { alias: node },
    test: { name: "node", include: ["test/**/*.test.ts"], exclude: ["test/**/*.browser.test.ts"] },
  },
  {
    resolve: { alias: node },
    test: {
      name: "e2e",
      include: ["e2e/**/*.test.ts"],
      exclude: ["e2e/package/**", ...BROKERS],
      globalSetup: ["e2e/global-setup.ts"],
      testTimeout: 60_000,
      hookTimeout: 120_000,
    },
  },
  {
    resolve: { alias: node },
    test: {
      name: "brokers",
      include: BROKERS,
      globalSetup: ["e2e/brokers/start-all.ts"],
      testTimeout: 60_000,
      hookTimeout: 300_000,
      maxConcurrency: 16,
    },
  },
  {
    test: {
      name: "package",
      include: ["e2e/package/*.test.ts"],
      globalSetup: ["e2e/package/global-setup.ts"],
      testTimeout: 120_000,
      hookTimeout: 300_000,
    },
  },
];

// Without a Chromium the project is left out here; scripts/test.mjs names what did not run.
const chromium = findChromium();
if (chromium) {
  projects.push({
    resolve: { alias: web },
    // Found by the first test that imports it, it would make Vite reload the page.
    optimizeDeps: { include: ["fast-check"] },
    test: {
      name: "chromium",
      include: ["test/**/*.test.ts"],
      exclude: ["test/**/*.node.test.ts"],
      globalSetup: ["test/support/web-socket-global-setup.ts"],
      browser: {
        enabled: true,
        headless: true,
        screenshotFailures: false,
        provider: playwright({ launchOptions: { executablePath: chromium, args: CHROMIUM_ARGS } }),
        instances: [{ browser: "chromium" }],
      },
    },
  });
}

export default defineConfig({ test: { projects } });
