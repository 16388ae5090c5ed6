/* global importScripts, stompede */
// A page or a worker, with the global that the plain script makes: a page has loaded it before this one.
if (typeof document === "undefined") importScripts("/node_modules/stompede/dist/browser/stompede.min.js");

import("/inside/report.mjs").then(async ({ runAndReport, watchFaults }) => {
  watchFaults();
  const places = await (await fetch("/places")).json();
  await runAndReport(stompede, places);
});
