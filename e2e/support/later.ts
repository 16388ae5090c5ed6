/** Undefined, after so many ms: for the other side of a race with what may never come. */
export function later(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, ms, undefined));
}
