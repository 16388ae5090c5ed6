// Node, Bun and Deno, as CommonJS.
const process = require("node:process");
const stompede = require("stompede");

import("./report.mjs").then(({ runAndReport }) => runAndReport(stompede, JSON.parse(process.env.PLACES)));
