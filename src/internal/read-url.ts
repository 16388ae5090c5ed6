/**
 * Read the URL of a target.
 *
 * @throws TypeError for one that is not valid.
 */
export function readUrl(target: string | URL): URL {
  try {
    return new URL(target);
  } catch {
    // Without the platform's error as cause: it carries the URL, and with it perhaps a token.
    throw new TypeError("target is not a valid URL: write it as ws://host:15674/ws or stomp://host:61613");
  }
}
