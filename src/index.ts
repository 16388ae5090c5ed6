/** stompede: a STOMP 1.0, 1.1 and 1.2 client for browsers and Node, over WebSocket and TCP. */
export { Client, type ConnectOptions, type Target, type TargetFunction, connect } from "./connect.js";
export { type TcpOptions } from "./adapters/tcp-target.js";
export { type Pem, type TlsOptions } from "./adapters/tls-options.js";
export { type WebSocketLike, type WebSocketOptions, webSocket } from "./adapters/websocket.js";
export { DialClient, type DisconnectOptions, type SendFrameOptions } from "./client/client.js";
export {
  type Codec,
  type Encoded,
  type SchemaIssue,
  type SchemaResult,
  type StandardSchema,
  type ValueDecoder,
  type ValueEncoder,
  json,
} from "./client/codec.js";
export { type SessionInfo } from "./client/session-info.js";
export { type Gauges, type Metrics, type Totals } from "./client/counters.js";
export { type Endpoint } from "./client/endpoint.js";
export { type FrameEvent, type FrameListener } from "./client/frame-tap.js";
export { type AttemptInfo, type Credentials, type CredentialsFunction, type HeadersFunction } from "./client/login.js";
export { type AckMode, type Message, type SettleOptions } from "./client/message.js";
export {
  type BufferLimits,
  type ClientOptions,
  type Delivery,
  type OutboxOptions,
  type Propagation,
  type SlowPolicy,
} from "./client/options.js";
export { type BackoffOptions, type ReconnectPolicy, exponentialBackoff } from "./client/reconnect-policy.js";
export { type ReceiptOptions } from "./client/request.js";
export { type RequestOptions } from "./client/requester.js";
export { type Reply, type Responder, type RespondOptions } from "./client/responder.js";
export { type SendOptions, type TypedSendOptions } from "./client/sending.js";
export { type Status, type StatusListener } from "./client/status.js";
export {
  type InvalidPolicy,
  type MessageHandler,
  type SubscribeOptions,
  type TypedSubscribeOptions,
  type UnsubscribeOptions,
} from "./client/subscribe-options.js";
export { type Subscription } from "./client/subscription.js";
export { type ClientState } from "./client/supervisor.js";
export { type FinishOptions, type Transaction } from "./client/transaction.js";
export { type BeginOptions } from "./client/transactions.js";
export {
  ConnectError,
  ConnectionLostError,
  type ConnectStage,
  HeartBeatError,
  InvalidStateError,
  LimitError,
  type Outcome,
  OutboxFullError,
  ProtocolError,
  type ProtocolErrorReason,
  ReceiptTimeoutError,
  ReplyTimeoutError,
  ServerError,
  SlowConsumerError,
  StaleMessageError,
  StompError,
  type StompErrorCode,
  TransactionError,
} from "./errors.js";
export {
  type Body,
  type ClientCommand,
  type Command,
  type Frame,
  type FrameHeaders,
  type HeadersInit,
  type HeaderValue,
  type HeartBeat,
  type Limits,
  type ServerCommand,
  type ServerFrame,
  type Version,
} from "./protocol/index.js";
export { type SendStore, type StoredSend } from "./store.js";
export { type Dial, type Transport, type TransportSink } from "./transport.js";
