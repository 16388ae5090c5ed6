/** What heads that are alike have in common: the names, in one order, and most of the values. */

/** Where the value of a header is in the blocks of such heads. */
export interface Place {
  /** The value, where all of them have the same. */
  readonly value: string | undefined;
  /** Where it begins, or from where on it is to be looked for. */
  readonly at: number;
  /** What it is to be looked for by; empty: it is at its place. */
  readonly needle: string;
}

/**
 * Knows the header blocks of heads that are alike (`"\nname:value\nname:value\n"`) by their first lines: a header before which all
 * is the same in all of them is always at the same place.
 */
export class HeadShape {
  readonly #places = new Map<string, Place>();

  /** `lines`: the lines of such heads, their names with the colon, with the value and whether all of them have it. */
  constructor(lines: readonly { readonly name: string; readonly start: string; readonly isSame: boolean }[]) {
    let at = 1;
    let isFixed = true;
    for (const { name, start, isSame } of lines) {
      const place: Place = {
        value: isSame ? start : undefined,
        at: isFixed ? at + name.length : at - 1,
        needle: isFixed ? "" : `\n${name}`,
      };
      const key = name.slice(0, -1);
      // STOMP 1.2, "Repeated Header Entries": the first is the value.
      if (!this.#places.has(key)) this.#places.set(key, place);
      if (!isSame) isFixed = false;
      if (isFixed) at += name.length + start.length + 1;
    }
  }

  /** Where the value of a header is; `undefined`: such heads have no header of that name. */
  placeOf(name: string): Place | undefined {
    return this.#places.get(name);
  }
}
