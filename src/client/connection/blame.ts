/** Why a session ended, as far as it can be told. */
import { ConnectionLostError, HeartBeatError, ServerError, type StompError } from "../../errors.js";

/**
 * Whether the end of a session looks like the broker's answer to what it was sent, and not like a broken network: an ERROR
 * came before it, or the peer closed in order (as RabbitMQ does over WebSocket, without a word).
 */
export function isAnswer(reason: StompError | undefined): reason is ConnectionLostError {
  if (!(reason instanceof ConnectionLostError) || reason instanceof HeartBeatError) return false;
  return reason.cause === undefined || reason.cause instanceof ServerError;
}

/** What the broker said before it ended the session; otherwise the end itself. */
export function answerOf(reason: ConnectionLostError): StompError {
  return reason.cause instanceof ServerError ? reason.cause : reason;
}
