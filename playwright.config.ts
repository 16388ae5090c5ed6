import { fileURLToPath } from "node:url";
import { defineConfig } from "@playwright/test";
import { CHROMIUM_ARGS, findChromium } from "./scripts/browser.mjs";

const chromium = findChromium();

export default defineConfig({
  testDir: "e2e/browser",
  outputDir: "test-results",
  timeout: 60_000,
  workers: 1,
  forbidOnly: process.env["CI"] === "true",
  reporter: [["list"]],
  globalSetup: fileURLToPath(new URL("e2e/browser/global-setup.ts", import.meta.url)),
  projects: [
    {
      name: "chromium",
      use: {
        browserName: "chromium",
        launchOptions: { args: CHROMIUM_ARGS, ...(chromium !== undefined && { executablePath: chromium }) },
      },
    },
  ],
});
