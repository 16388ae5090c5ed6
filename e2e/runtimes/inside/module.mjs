// A page or a worker, with the ES module.
import * as stompede from "/node_modules/stompede/dist/browser/stompede.js";
import { runAndReport, watchFaults } from "./report.mjs";

watchFaults();
const places = await (await fetch("/places")).json();
await runAndReport(stompede, places);
