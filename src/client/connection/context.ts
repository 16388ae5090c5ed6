/** What the parts of a client share. */
import type { Outcome, StompError } from "../../errors.js";
import type { ReceiptOptions } from "../messages/receipt-options.js";
import type { Connection } from "./connection.js";
import type { Environment } from "./environment.js";
import type { Flow } from "./flow.js";
import { type Outgoing, checkReceiptOptions } from "./outgoing.js";

/** What the parts of a client share. */
export interface ClientContext extends Environment {
  readonly flow: Flow;
  /** The connection, while there is one that frames may be sent on. */
  readonly connection: () => Connection | undefined;
  /** Whether there was a session or an attempt at one, and none will be tried for. */
  readonly hasGivenUp: () => boolean;
  /** The error of a call that needs a connection, where there is none. */
  readonly notConnected: (what: string, outcome?: Outcome) => StompError;
}

/**
 * Send a frame over the connection that there is; see {@link Connection.send}.
 *
 * @throws as that does; InvalidStateError or ConnectionLostError when there is no connection.
 */
export function sendNow(context: ClientContext, frame: Outgoing, options: ReceiptOptions): Promise<void> {
  const connection = context.connection();
  if (connection !== undefined) return connection.send(frame, options);
  checkReceiptOptions(options);
  throw context.notConnected(frame.command);
}
