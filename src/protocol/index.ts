/** The protocol core: the frame codec and the sessions of both sides, without I/O, timers or clocks. */
export { type ClientCommand, type Command, type Role, type ServerCommand, isCommandOf } from "./command.js";
export { ClientSession, type ClientSessionOptions, type ServerFrame } from "./client-session.js";
export { type DecoderOptions, FrameDecoder } from "./decoder.js";
export { type EncoderOptions, FrameEncoder, HEART_BEAT, utf8Text } from "./encoder.js";
export { type Escapes } from "./escape.js";
export { type Body, Frame, frameOf } from "./frame.js";
export { FrameHeaders, type HeadersInit, type HeaderValue, hasHeader, headerPairs } from "./headers.js";
export {
  type HeartBeat,
  type HeartBeatCheck,
  HeartBeatMonitor,
  NO_HEART_BEAT,
  heartBeatHeader,
  negotiateHeartBeat,
  parseHeartBeat,
} from "./heart-beat.js";
export { DEFAULT_LIMITS, type Limits } from "./limits.js";
export { type ClientFrame, ServerSession, type ServerSessionOptions } from "./server-session.js";
export { type Phase } from "./state.js";
export { VERSIONS, type Version, acceptVersionOf, negotiateVersion, subprotocolsOf } from "./version.js";
export {
  ConnectionLostError,
  ConnectError,
  HeartBeatError,
  InvalidStateError,
  LimitError,
  ProtocolError,
  type ProtocolErrorReason,
  StompError,
  type StompErrorCode,
} from "../errors.js";
