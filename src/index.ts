/** stompede: a STOMP 1.0, 1.1 and 1.2 client for browsers and Node, over WebSocket and TCP. */
export { Client, type ConnectOptions, type Target, type TargetFunction, connect } from "./connect.js";
export { type BaseClient } from "./client/client.js";
export { type TcpOptions } from "./adapters/tcp-target.js";
export { type Pem, type TlsOptions } from "./adapters/tls-options.js";
export { type WebSocketLike, type WebSocketOptions, webSocket } from "./adapters/websocket.js";
export {
  type Codec,
  type Encoded,
  type SchemaIssue,
  type SchemaResult,
  type StandardSchema,
  type ValueDecoder,
  type ValueEncoder,
  json,
} from "./client/messages/codec.js";
export { type SessionInfo } from "./client/observing/session-info.js";
export { type Gauges, type Metrics, type Totals } from "./client/observing/metrics.js";
export { type FrameEvent, type FrameListener } from "./client/observing/frame-listeners.js";
export {
  type AttemptInfo,
  type Credentials,
  type CredentialsFunction,
  type HeadersFunction,
} from "./client/options/credentials.js";
export { type AckMode, type Message, type SettleOptions } from "./client/messages/message.js";
export {
  type BufferLimits,
  type ClientOptions,
  type Delivery,
  type DisconnectOptions,
  type FlushOptions,
  type OutboxOptions,
  type Propagation,
  type SlowPolicy,
} from "./client/options/options.js";
export { type BackoffOptions, type ReconnectPolicy, exponentialBackoff } from "./client/options/reconnect-policy.js";
export { type ReceiptOptions } from "./client/messages/receipt-options.js";
export { type RequestOptions, type TypedRequestOptions } from "./client/requests/requests.js";
export {
  type Reply,
  type Responder,
  type RespondOptions,
  type TypedResponder,
  type TypedRespondOptions,
} from "./client/requests/respond.js";
export { type UnsentMessage, type UnsentMessages } from "./client/sending/parked-messages.js";
export { type SendFrameOptions, type SendOptions, type TypedSendOptions } from "./client/sending/send-options.js";
export {
  type ConnectedStatus,
  type ConnectingStatus,
  type DisconnectedStatus,
  type DisconnectingStatus,
  type HandlerErrorStatus,
  type HeartBeatMissedStatus,
  type HeartBeatStatus,
  type InvalidMessageStatus,
  type MessageDroppedStatus,
  type PrefetchUsedUpStatus,
  type ReconnectingStatus,
  type ServerErrorStatus,
  type SlowConsumerStatus,
  type Status,
  type StatusListener,
  type StoreErrorStatus,
  type SubscriptionFailedStatus,
  type SubscriptionRefusedStatus,
  type UnsentMessageStatus,
} from "./client/observing/status.js";
export {
  type InvalidPolicy,
  type MessageHandler,
  type SubscribeOptions,
  type TypedSubscribeOptions,
  type UnsubscribeOptions,
} from "./client/subscribing/subscribe-options.js";
export { type Subscription } from "./client/subscribing/subscription.js";
export { type ClientState } from "./client/reconnecting/supervisor.js";
export { type FinishOptions, type Transaction } from "./client/transactions/transaction.js";
export { type BeginOptions } from "./client/transactions/transactions.js";
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
