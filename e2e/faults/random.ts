/** Chance that can be had again: everything follows from a seed. */

/** Numbers that look like chance, the same for the same seed. */
export interface Random {
  /** A number from 0 to below 1. */
  next(): number;
  /** A whole number, both ends included. */
  integer(lowest: number, highest: number): number;
  /** Whether something happens that happens with this probability, from 0 to 1. */
  chance(probability: number): boolean;
  /** One of them. */
  pick<T>(choices: readonly [T, ...T[]]): T;
  /** A generator of its own, that does not change what this one gives: the same for the same name or number. */
  fork(name: string | number): Random;
}

/** Make a generator. Only the lower 32 bits of the seed count. */
export function randomOf(seed: number): Random {
  let count = 0;
  const next = (): number => scrambled(seed, ++count) / 2 ** 32;
  const integer = (lowest: number, highest: number): number => lowest + Math.floor(next() * (highest - lowest + 1));
  return {
    next,
    integer,
    chance: (probability) => next() < probability,
    pick: (choices) => choices[integer(0, choices.length - 1)] ?? choices[0],
    fork: (name) => {
      const text = String(name);
      let own = ~seed;
      for (let index = 0; index < text.length; index++) own = scrambled(own, text.charCodeAt(index));
      return randomOf(own);
    },
  };
}

/** A number of 32 bits each bit of which depends on every bit of both arguments: counted up, they give a sequence. */
function scrambled(seed: number, count: number): number {
  let bits = Math.imul(count, 0x9e3779b1) ^ seed;
  for (const factor of [0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f]) {
    bits = Math.imul(bits ^ (bits >>> 15), factor);
    bits = (bits + seed) | 0;
  }
  return (bits ^ (bits >>> 16)) >>> 0;
}
