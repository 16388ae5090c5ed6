/** Goes through the scenario, and reports how it went to who started this. */
import { runScenario } from "./scenario.mjs";

/** What went wrong beside the steps: what nobody has caught. */
const faults = [];

/** Have what nobody catches reported, in pages and workers; processes end by it. */
export function watchFaults() {
  globalThis.addEventListener("error", (event) => faults.push(String(event.message)));
  globalThis.addEventListener("unhandledrejection", (event) => faults.push(String(event.reason)));
}

export async function runAndReport(stompede, places) {
  const outcomes = await runScenario(stompede, places);
  const body = JSON.stringify({ outcomes, faults });
  await (await fetch(`${places.control}/report`, { method: "POST", body })).text();
}
