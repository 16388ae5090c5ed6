import { InvalidStateError } from "../errors.js";

/**
 * Hold a name, so that no other page or worker of the origin has it. Resolves with what lets go of it.
 *
 * Without Web Locks, in a page that is not secure or in an old browser, it holds nothing and refuses nobody. Rejects with
 * an InvalidStateError when the name is held.
 */
export async function holdWebLock(name: string): Promise<() => Promise<void>> {
  // The types know of no such pages, and not of Node.
  const locks: LockManager | undefined = (globalThis.navigator as Navigator | undefined)?.locks;
  if (locks === undefined) return async () => undefined;
  return new Promise((resolve, reject) => {
    let end: () => void = () => undefined;
    const held = new Promise<void>((release) => (end = release));
    const ended = locks.request(name, { ifAvailable: true }, (lock) => {
      if (lock === null)
        throw new InvalidStateError(`${name} is open in another page or worker, or in this one, already`);
      resolve(() => {
        end();
        return ended;
      });
      return held;
    });
    ended.catch(reject);
  });
}
