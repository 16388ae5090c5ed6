// workerd, each file as a module.
import * as stompede from "./stompede.js";
import { runAndReport } from "./report.mjs";

export default { test: (_controller, { PLACES }) => runAndReport(stompede, PLACES) };
