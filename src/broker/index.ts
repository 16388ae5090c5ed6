/** An in-memory STOMP broker for development: for tests, demonstrations and CI. */
export { type BrokerConnection, type ErrorAnswer, type SubscriptionInfo } from "./broker-connection.js";
export { Broker } from "./broker.js";
export { type DialectName } from "./dialect.js";
export { type Answer, type EndAnswer, type Script, type ScriptOptions } from "./faults.js";
export { type BrokerOptions, type StoreBounds } from "./options.js";
export { type QueueBounds } from "./queue.js";
export { type AckMode } from "./subscription.js";
export { type MemoryOptions } from "../adapters/memory.js";
