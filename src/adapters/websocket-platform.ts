/** What the platforms have in common: `websocket-platform.*.ts` implement it, `websocket.ts` uses it. Types only. */

/** A WebSocket that is opening, open, or closing. */
export interface PlatformSocket {
  /** Octets handed over and not yet written. */
  readonly buffered: number;
  /** Whether it can send text only. Absent: octets too. */
  readonly textOnly?: boolean;
  /** Whether one side has begun to close it, so that nothing more can be sent. */
  readonly isClosing: boolean;
  send(chunk: Uint8Array | string): void;
  /** Resolves once `buffered` is low again, or the socket is gone. */
  drained(): Promise<void>;
  /** Resolves once what was sent before the call is handed to the system, or the socket is gone. Absent where the platform does not tell. */
  flushed?(): Promise<void>;
  pause?(): void;
  resume?(): void;
  /** Begin the closing handshake. */
  close(): void;
  /** Drop the connection at once, in any state; `gone` follows unless nothing was opened. */
  drop(): void;
}

/** What a {@link PlatformSocket} reports. */
export interface PlatformEvents {
  /** The handshake is done; the server chose this subprotocol, or none: `""`. */
  opened(protocol: string): void;
  /** The socket could not be opened, and is gone. */
  failed(error: Error): void;
  message(chunk: Uint8Array | string): void;
  /** The open socket broke; `gone` follows, on most platforms. Without an error the platform does not tell why. */
  broke(error?: Error): void;
  /** The open socket is gone. Code 1000 is the orderly end. */
  gone(code: number, reason: string): void;
}
