/**
 * The contract between a connection and what carries its octets. Types only: an adapter implements it, a connection
 * uses it, and neither knows the other. A transport knows nothing about frames.
 */

/** What a transport tells its user. Called synchronously: no promise and no microtask stands between a socket and a frame. */
export interface TransportSink {
  /**
   * Receive a chunk: octets, or the text of one text message. The transport does not touch the octets afterwards, so
   * the receiver may keep views of them.
   */
  data(chunk: Uint8Array | string): void;
  /**
   * Learn that the transport has ended; called once, and nothing is delivered after it. `reason` is absent when the
   * end was orderly (the peer's FIN, a WebSocket close with code 1000, or our own `close()`).
   */
  closed(reason?: Error): void;
}

/** A connected, ordered, reliable stream. It says nothing about frames. */
export interface Transport {
  /** `"messages"`: one `send` is one message of the carrier (WebSocket). `"stream"`: only the order of octets counts (TCP). */
  readonly kind: "messages" | "stream";
  /**
   * Whether only text can be sent, as over SockJS; only for the kind `"messages"`. A body that is not UTF-8 is refused then, before
   * anything of it is sent. Absent: octets can be sent too.
   */
  readonly textOnly?: boolean;
  /** Whom it is connected to, for messages to people, without credentials: `stomp://127.0.0.1:61613`. */
  readonly peer: string;
  /** Octets handed to `send` and not yet written. An estimate is enough. */
  readonly buffered: number;
  /**
   * Whether the other side is ending the connection, and the sink has not been told yet: what is sent now is dropped. Absent: the
   * sink is always told at once.
   */
  readonly isClosing?: boolean;
  /**
   * Start delivering to `sink`; called once. What arrived before is delivered then, still in order, and an end that
   * came before is reported then.
   */
  start(sink: TransportSink): void;
  /**
   * Hand over a chunk. On a transport of kind `"messages"` it is one message: text if a string, else binary. Never
   * throws, whatever the state: what is sent after the end is dropped, and the end itself is reported to the sink. The caller does not
   * touch the octets afterwards, so that they need not be copied.
   */
  send(chunk: Uint8Array | string): void;
  /** Resolves once `buffered` is below the transport's low-water mark, or once the transport has ended. Never rejects. */
  drained(): Promise<void>;
  /**
   * Resolves once everything that was sent before the call is handed to the system, or once the transport has ended. Never rejects.
   * Absent: `buffered` is looked at again and again.
   */
  flushed?(): Promise<void>;
  /** Stop reading, so that the platform holds the peer back. Present only where the platform can. */
  pause?(): void;
  /** Go on reading after `pause`. */
  resume?(): void;
  /**
   * Write what is buffered, then end in an orderly way. Resolves when the transport has ended; an adapter bounds how
   * long that may take (a peer that never answers is cut off). Never rejects; may be called again.
   */
  close(): Promise<void>;
  /** Drop the connection at once, without ceremony. The sink is told of `reason`. Does nothing after the end. */
  abort(reason: Error): void;
}

/**
 * Open a transport. Rejects with the platform's error, with a `ConnectError` that tells what to do, or with
 * `signal.reason` when aborted; after a rejection nothing stays open. Reconnecting is dialling again.
 */
export type Dial = (signal: AbortSignal) => Promise<Transport>;
