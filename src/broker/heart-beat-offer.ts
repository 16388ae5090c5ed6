/** What CONNECTED says of heart-beats. */
import { type HeartBeat, parseHeartBeat } from "../protocol/index.js";

/**
 * What a broker offers: the same to all, or what each client asks for, as RabbitMQ and ActiveMQ do (`"as-asked"`; `"in-seconds"`: in
 * whole seconds rounded down, but no less than one).
 */
export type HeartBeatPolicy = HeartBeat | "as-asked" | "in-seconds";

/** The offer to one client. */
export class HeartBeatOffer {
  readonly #policy: HeartBeatPolicy;
  readonly #offered: { outgoing: number; incoming: number };

  constructor(policy: HeartBeatPolicy) {
    this.#policy = policy;
    // The session negotiates before we know what is asked for. Of two wishes the slower holds: 1 ms leaves the client its own.
    this.#offered = typeof policy === "string" ? { outgoing: 1, incoming: 1 } : { ...policy };
  }

  /** What is offered. A session keeps this object, and reads it again when it sends CONNECTED. */
  get offered(): HeartBeat {
    return this.#offered;
  }

  /** The client has sent CONNECT with this `heart-beat`, which the session has checked. */
  follow(header: string | undefined): void {
    if (typeof this.#policy !== "string") return;
    const { outgoing, incoming } = parseHeartBeat(header);
    this.#offered.outgoing = this.#adapt(incoming);
    this.#offered.incoming = this.#adapt(outgoing);
  }

  /** What holds, by what the session has negotiated. */
  agreed(negotiated: HeartBeat): HeartBeat {
    if (typeof this.#policy !== "string") return negotiated;
    const { outgoing, incoming } = this.#offered;
    return {
      outgoing: negotiated.outgoing === 0 ? 0 : outgoing,
      incoming: negotiated.incoming === 0 ? 0 : incoming,
    };
  }

  #adapt(ms: number): number {
    return this.#policy === "as-asked" || ms === 0 ? ms : Math.max(1000, ms - (ms % 1000));
  }
}
