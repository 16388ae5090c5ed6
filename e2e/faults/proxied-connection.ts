/** A connection that goes through a proxy. */
import type { Socket } from "node:net";
import { type CutKind, Flow } from "./flow.js";

/** Who is at an end of it. */
export type Side = "client" | "broker";

/** Both sockets of a connection, and what can be done to it. */
export class ProxiedConnection {
  /** Which of its proxy's connections it is, from 1. */
  readonly number: number;
  /** What the client says. */
  readonly toBroker: Flow;
  /** What the broker says. */
  readonly toClient: Flow;
  /** Resolves once both sockets are closed. */
  readonly closed: Promise<void>;
  readonly #sockets: Readonly<Record<Side, Socket>>;
  readonly #gone = new Set<Side>();
  readonly #vanished = new Set<Side>();
  #isOpen = true;

  /** Both sockets are to have `allowHalfOpen`: ends are passed on, each by itself. */
  constructor(number: number, client: Socket, broker: Socket) {
    this.number = number;
    this.#sockets = { client, broker };
    const host = {
      cut: (kind: CutKind): void => {
        this.cut(kind);
      },
    };
    this.toBroker = new Flow(client, broker, host);
    this.toClient = new Flow(broker, client, host);
    this.closed = new Promise((resolve) => {
      for (const side of ["client", "broker"] as const) {
        const socket = this.#sockets[side];
        socket.setNoDelay(true);
        socket.on("error", () => undefined); // its "close" follows
        socket.on("end", () => {
          // Nobody is there to say the last word to it.
          if (this.#vanished.has(otherThan(side))) socket.destroy();
        });
        socket.on("close", (hadError: boolean) => {
          this.#closed(side, hadError);
          if (this.#gone.size === 2) resolve();
        });
      }
    });
  }

  /** Whether both of its sides are still connected to the proxy. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** End it on both sides: by a FIN, as if the peer had closed, or by a RST. What is held is lost. */
  cut(kind: CutKind): void {
    this.#stop();
    for (const socket of Object.values(this.#sockets)) {
      if (kind === "reset") {
        abort(socket);
      } else {
        socket.end();
        socket.destroySoon();
      }
    }
  }

  /** End it on both sides by a RST. */
  reset(): void {
    this.cut("reset");
  }

  /** Stop forwarding both ways; the sockets stay open. */
  stall(): void {
    this.toBroker.stall();
    this.toClient.stall();
  }

  /** Forward again both ways. */
  resume(): void {
    this.toBroker.resume();
    this.toClient.resume();
  }

  /**
   * Let one side vanish, as by a power cut: it is gone, and the other one is not told. What that says is read and dropped; its
   * socket stays open until it gives up itself.
   */
  vanish(side: Side): void {
    this.#vanished.add(side);
    this.#isOpen = false;
    this.toBroker.drop();
    this.toClient.drop();
    abort(this.#sockets[side]);
  }

  #closed(side: Side, hadError: boolean): void {
    this.#gone.add(side);
    this.#isOpen = false;
    const other = this.#sockets[otherThan(side)];
    if (this.#gone.size === 2 || this.#vanished.has(side)) return;
    if (hadError) {
      this.#stop();
      abort(other); // a RST is passed on too
    }
  }

  #stop(): void {
    this.#isOpen = false;
    this.toBroker.stop();
    this.toClient.stop();
  }
}

function otherThan(side: Side): Side {
  return side === "client" ? "broker" : "client";
}

/** End a socket by a RST alone: `resetAndDestroy` of Node has a FIN go before it, and after a FIN that is not out yet none can go. */
function abort(socket: Socket): void {
  const isEnding = socket.writableEnded && !socket.writableFinished;
  Object.assign(socket, { resetAndClosing: !isEnding }).destroy();
}
