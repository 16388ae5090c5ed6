/** Web Locks: names that one page or worker of an origin holds at a time, and lets go of when it ends, whatever way that is. */

/** The Web Locks of this page or worker; `undefined` in a page that is not a secure context, and in Node. */
export function webLocks(): LockManager | undefined {
  // The types know of no such pages, and not of Node.
  return (globalThis.navigator as Navigator | undefined)?.locks;
}

/** Hold a name. Resolves with what lets go of it; with `undefined` if another one holds it. */
export function holdWebLock(locks: LockManager, name: string): Promise<(() => Promise<void>) | undefined> {
  return new Promise((resolve, reject) => {
    const ended: Promise<unknown> = locks.request(name, { ifAvailable: true }, (lock) => {
      if (lock === null) {
        resolve(undefined);
        return undefined;
      }
      return new Promise<void>((end) => {
        resolve(async () => {
          end();
          await ended;
        });
      });
    });
    ended.catch(reject);
  });
}
