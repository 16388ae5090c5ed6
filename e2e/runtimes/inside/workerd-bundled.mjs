// workerd, to be bundled.
import * as stompede from "stompede";
import { runAndReport } from "./report.mjs";

export default { test: (_controller, { PLACES }) => runAndReport(stompede, PLACES) };
