/** Who may connect. */
import type { ResolvedOptions } from "./options.js";
import { Refusal, quoted } from "./refusal.js";

/**
 * Check what a CONNECT says of its sender.
 *
 * @throws Refusal when it is not to be let in.
 */
export function admit(headers: ReadonlyMap<string, string>, { users, virtualHosts }: ResolvedOptions): void {
  const host = headers.get("host");
  if (host !== undefined && virtualHosts?.includes(host) === false)
    throw new Refusal(`there is no virtual host ${quoted(host)}`, "connect");
  if (users === undefined) return;
  const login = headers.get("login");
  const passcode = headers.get("passcode");
  // As brokers do: the answer does not tell which of the two is wrong.
  if (login === undefined || passcode === undefined || users.get(login) !== passcode) {
    throw new Refusal(`access refused for login ${login === undefined ? "(none)" : quoted(login)}`, "connect");
  }
}
