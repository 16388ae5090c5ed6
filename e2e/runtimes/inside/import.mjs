// Node, Bun and Deno, as an ES module.
import process from "node:process";
import * as stompede from "stompede";
import { runAndReport } from "./report.mjs";

await runAndReport(stompede, JSON.parse(process.env.PLACES));
