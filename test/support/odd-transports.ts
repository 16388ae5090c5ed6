/** Transports that keep the contract, and do what none of ours does. */
import { type ClientFrame, ServerSession } from "../../src/protocol/index.js";
import type { Dial, Transport, TransportSink } from "../../src/transport.js";

/** A transport that keeps what it is given, as it is, and passes it on only when it is told to, as a slow socket does. */
export class LateTransport implements Transport {
  readonly given: (Uint8Array | string)[] = [];
  isReleased = false;
  readonly #inner: Transport;

  constructor(inner: Transport) {
    this.#inner = inner;
  }

  /** Write what was given, and from now on at once. */
  release(): void {
    this.isReleased = true;
    for (const chunk of this.given) this.#inner.send(chunk);
  }

  get kind(): Transport["kind"] {
    return this.#inner.kind;
  }
  get peer(): string {
    return this.#inner.peer;
  }
  get buffered(): number {
    return this.#inner.buffered;
  }
  start(sink: TransportSink): void {
    this.#inner.start(sink);
  }
  send(chunk: Uint8Array | string): void {
    if (this.isReleased) this.#inner.send(chunk);
    else this.given.push(chunk);
  }
  drained(): Promise<void> {
    return this.#inner.drained();
  }
  close(): Promise<void> {
    return this.#inner.close();
  }
  abort(reason: Error): void {
    this.#inner.abort(reason);
  }
}

/** A broker whose answers come before `send` returns. */
export class InstantBroker {
  readonly received: ClientFrame[] = [];
  /** Called for each frame after CONNECT; the default answers receipts. */
  answer: (frame: ClientFrame, broker: InstantBroker) => void = (frame, broker) => broker.confirm(frame);
  #sink: TransportSink | undefined;
  #session = new ServerSession();

  readonly dial: Dial = () => {
    this.#session = new ServerSession();
    const transport: Transport = {
      kind: "stream",
      peer: "instant:",
      buffered: 0,
      start: (sink) => (this.#sink = sink),
      send: (chunk) => {
        this.#session.push(chunk);
        for (let frame = this.#session.next(); frame !== undefined; frame = this.#session.next()) this.#take(frame);
      },
      drained: () => Promise.resolve(),
      close: () => Promise.resolve(this.end()),
      abort: (reason) => {
        this.end(reason);
      },
    };
    return Promise.resolve(transport);
  };

  /** Send a frame. */
  send(...frame: Parameters<ServerSession["encode"]>): void {
    this.#sink?.data(this.#session.encode(...frame));
  }

  /** Answer the receipt of a frame, if it asks for one. */
  confirm({ headers }: ClientFrame): void {
    const receipt = headers.get("receipt");
    if (receipt !== undefined) this.send("RECEIPT", { "receipt-id": receipt });
  }

  /** End the connection. */
  end(reason?: Error): void {
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.closed(reason);
  }

  #take(frame: ClientFrame): void {
    this.received.push(frame);
    if (frame.command === "CONNECT") this.#sink?.data(this.#session.connected({}));
    else this.answer(frame, this);
  }
}
