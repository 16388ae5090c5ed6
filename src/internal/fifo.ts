/** A queue whose `shift` does not move what is behind it. */
export class Fifo<T> {
  #items: (T | undefined)[] = [];
  #first = 0;

  /** How many items wait. */
  get length(): number {
    return this.#items.length - this.#first;
  }

  /** Put an item at the end. */
  push(item: T): void {
    this.#items.push(item);
  }

  /** Take the item at the front; `undefined` when there is none. */
  shift(): T | undefined {
    if (this.#first === this.#items.length) return undefined;
    const item = this.#items[this.#first];
    this.#items[this.#first] = undefined;
    this.#first++;
    if (this.#first === this.#items.length) this.clear();
    else if (this.#first > 1024 && this.#first * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#first);
      this.#first = 0;
    }
    return item;
  }

  /** Drop all items. */
  clear(): void {
    this.#items = [];
    this.#first = 0;
  }
}
