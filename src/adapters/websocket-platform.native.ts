/** WebSockets in Deno and Bun: the native ones, whose errors have Node's codes. */
export { adviceOn } from "../internal/dial-advice.js";
export { openWebSocket, preparePlatform } from "./websocket-platform.web.js";
