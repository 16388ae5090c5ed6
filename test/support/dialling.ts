/** Dialling in tests. */
import type { Transport } from "../../src/transport.js";

/** A signal that is never aborted. */
export const never: AbortSignal = new AbortController().signal;

/** Wait for a dial that is in vain; gives its error. */
export async function refusal(dialling: Promise<Transport>): Promise<unknown> {
  return dialling.then(
    (transport) => {
      transport.abort(new Error("it was not to open"));
      throw new Error("it opened");
    },
    (error: unknown) => error,
  );
}
