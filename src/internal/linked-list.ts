/** A doubly linked list: an item leaves the middle as cheaply as an end. */

/** The place of an item in a {@link LinkedList}: what takes it out again. */
export interface ListNode<T> {
  readonly value: T;
  previous: ListNode<T> | undefined;
  next: ListNode<T> | undefined;
}

/** Keeps items in order. A Map would too, but finding its first item passes over all that were deleted before it. */
export class LinkedList<T> {
  #first: ListNode<T> | undefined;
  #last: ListNode<T> | undefined;
  #size = 0;

  /** How many items there are. */
  get size(): number {
    return this.#size;
  }

  /** The place of the first item. */
  get first(): ListNode<T> | undefined {
    return this.#first;
  }

  /** The place of the last item. */
  get last(): ListNode<T> | undefined {
    return this.#last;
  }

  /** Put an item at the end. */
  push(value: T): ListNode<T> {
    return this.insertBefore(undefined, value);
  }

  /** Put an item before another, or at the end. */
  insertBefore(next: ListNode<T> | undefined, value: T): ListNode<T> {
    const previous = next === undefined ? this.#last : next.previous;
    const node: ListNode<T> = { value, previous, next };
    if (previous === undefined) this.#first = node;
    else previous.next = node;
    if (next === undefined) this.#last = node;
    else next.previous = node;
    this.#size++;
    return node;
  }

  /** Take the first item; `undefined` when there is none. */
  shift(): T | undefined {
    const node = this.#first;
    if (node === undefined) return undefined;
    this.remove(node);
    return node.value;
  }

  /** Take an item out, by its place in this list. */
  remove(node: ListNode<T>): void {
    const { previous, next } = node;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    node.previous = undefined;
    node.next = undefined;
    this.#size--;
  }

  *[Symbol.iterator](): Generator<T, void, undefined> {
    for (let node = this.#first; node !== undefined; node = node.next) yield node.value;
  }
}
