/** Where a carrier leads: to the broker, to nobody, to somebody who never answers, to an HTTP server that knows no WebSocket. */
export interface Place {
  readonly url: string;
  readonly nobody: string;
  readonly mute: string;
  readonly elsewhere?: string;
}

/** Where everything is, for who goes through the scenario. */
export interface Places {
  /** The HTTP server that is told how it went, and that breaks connections on demand. */
  readonly control: string;
  readonly carriers: Readonly<Partial<Record<"ws" | "tcp" | "tls", Place>>>;
  /** Carriers that the runtime has not. */
  readonly lacks: readonly ("tcp" | "tls")[];
  /** The authority of the broker's certificate, PEM. */
  readonly ca: string;
}

/** How a step went: `outcome` is "ok", or what went wrong. */
export interface Outcome {
  readonly carrier: string;
  readonly step: string;
  readonly outcome: string;
  readonly ms: number;
}

/** The steps over each carrier, in their order. */
export const STEP_NAMES: readonly string[];
