/** stompede: a STOMP 1.0, 1.1 and 1.2 client for browsers and Node, over WebSocket and TCP. */
export { Client, type ConnectOptions, type Target, connect } from "./connect.js";
export { type WebSocketLike, type WebSocketOptions, webSocket } from "./adapters/websocket.js";
export {
  type ClientState,
  DialClient,
  type DisconnectOptions,
  type SendFrameOptions,
  type SendOptions,
} from "./client/client.js";
export { type SessionInfo } from "./client/connection.js";
export { type FrameEvent, type FrameListener } from "./client/frame-tap.js";
export { type AckMode, type Message, type SettleOptions } from "./client/message.js";
export { type BufferLimits, type ClientOptions } from "./client/options.js";
export { type ReceiptOptions } from "./client/request.js";
export { type Status, type StatusListener } from "./client/status.js";
export {
  type MessageHandler,
  type SubscribeOptions,
  type Subscription,
  type UnsubscribeOptions,
} from "./client/subscription.js";
export {
  ConnectError,
  ConnectionLostError,
  type ConnectStage,
  HeartBeatError,
  InvalidStateError,
  LimitError,
  type Outcome,
  ProtocolError,
  type ProtocolErrorReason,
  ReceiptTimeoutError,
  ServerError,
  SlowConsumerError,
  StaleMessageError,
  StompError,
  type StompErrorCode,
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
  type Version,
} from "./protocol/index.js";
export { type Dial, type Transport, type TransportSink } from "./transport.js";
