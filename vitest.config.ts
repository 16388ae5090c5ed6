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

/** The tests that have a broker behind them, by what they are run with; scripts/test.mjs has their stages. */
function withBrokers(name: string, folders: string, setup: string, more: object = {}): TestProjectConfiguration {
  return {
    resolve: { alias: node },
    test: {
      name,
      include: [`e2e/${folders}/**/*.test.ts`],
      globalSetup: [setup],
      testTimeout: 60_000,
      hookTimeout: 300_000,
      expect: { poll: { timeout: 10_000 } }, // these machines are busy
      ...more,
    },
  };
}

/**
 * For suites that hold programs of others to the clock, a dozen of them at a time on one machine. What passes only so is named at the
 * end of scripts/test.mjs.
 */
const ONCE_MORE = { retry: 1 };

const projects: TestProjectConfiguration[] = [
  {
    resolve: { alias: node },
    test: { name: "node", include: ["test/**/*.test.ts"], exclude: ["test/**/*.browser.test.ts"] },
  },
  withBrokers("e2e", "{rabbitmq,outbox,recipes}", "e2e/global-setup.ts"),
  withBrokers("brokers", "conformance", "e2e/brokers/start-all.ts", { maxConcurrency: 16, ...ONCE_MORE }),
  withBrokers("spring", "spring", "e2e/global-setup.ts", ONCE_MORE),
  withBrokers("interop", "interop", "e2e/global-setup.ts", ONCE_MORE),
  withBrokers("faults", "faults", "e2e/global-setup.ts"),
  withBrokers("runtimes", "runtimes", "e2e/global-setup.ts", ONCE_MORE),
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
