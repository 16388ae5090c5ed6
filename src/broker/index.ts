/** An in-memory STOMP broker for development: for tests, demonstrations and CI. */
export { Broker } from "./broker.js";
export { type BrokerConnection, type SubscriptionInfo } from "./connection.js";
export { type DialectName } from "./dialect.js";
export { type Answer, type EndAnswer, type ErrorAnswer, type Script, type ScriptOptions } from "./faults.js";
export { type BrokerOptions, type StoreBounds } from "./options.js";
export { type QueueBounds } from "./queue.js";
export { type AckMode } from "./subscription.js";
export { type MemoryOptions } from "../adapters/memory.js";
