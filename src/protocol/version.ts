/** The versions of STOMP, and how two peers agree on one. */

/** A version of the STOMP protocol. */
export type Version = "1.0" | "1.1" | "1.2";

/** All versions, the newest first: the order in which they are preferred. */
export const VERSIONS: readonly Version[] = ["1.2", "1.1", "1.0"];

/** Whether `text` names a version of STOMP. */
export function isVersion(text: string): text is Version {
  return text === "1.2" || text === "1.1" || text === "1.0";
}

/**
 * Put versions in the order of preference, each once.
 *
 * @throws TypeError for an unknown version; RangeError for an empty list.
 */
export function orderVersions(versions: readonly Version[]): readonly Version[] {
  for (const version of versions) {
    if (!isVersion(version)) throw new TypeError(`versions must be of 1.0, 1.1 and 1.2, not ${String(version)}`);
  }
  if (versions.length === 0) throw new RangeError("versions must not be empty");
  return VERSIONS.filter((version) => versions.includes(version));
}

/**
 * Choose the highest version that both sides speak. `acceptVersion` is the CONNECT frame's header; without it the
 * client speaks 1.0 only (STOMP 1.2, "Protocol Negotiation"). `undefined`: there is none in common.
 */
export function negotiateVersion(
  acceptVersion: string | undefined,
  supported: readonly Version[],
): Version | undefined {
  const accepted = acceptVersion === undefined ? ["1.0"] : acceptVersion.split(",").map((version) => version.trim());
  return VERSIONS.find((version) => accepted.includes(version) && supported.includes(version));
}

/** The value of `accept-version` for these versions: `1.0,1.1,1.2`, in ascending order as the specification writes it. */
export function acceptVersionOf(versions: readonly Version[]): string {
  return VERSIONS.filter((version) => versions.includes(version))
    .reverse()
    .join(",");
}

/** The WebSocket subprotocols of these versions, the newest first: `v12.stomp`, `v11.stomp`, `v10.stomp`. */
export function subprotocolsOf(versions: readonly Version[]): string[] {
  return VERSIONS.filter((version) => versions.includes(version)).map(
    (version) => `v${version.replace(".", "")}.stomp`,
  );
}
