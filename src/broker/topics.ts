/** Topics: which subscriptions a message of a topic goes to. */
import type { Subscription } from "./subscription.js";

/** The subscriptions to one topic, or to one pattern of topics. */
interface Group {
  readonly pattern: string;
  /** Absent: it is no pattern. */
  readonly matches: ((topic: string) => boolean) | undefined;
  readonly subscriptions: Set<Subscription>;
}

/** For so many topics it is remembered which groups they go to. */
const MOST_ROUTES = 10_000;

/** Subscriptions by topic. In a pattern `*` stands for one word between dots, `#` (or `>` at the end) for any number of them. */
export class Topics {
  readonly #groups = new Map<string, Group>();
  readonly #patterns = new Set<Group>();
  readonly #routes = new Map<string, readonly Group[]>();

  /** How many topics and patterns are subscribed to. */
  get size(): number {
    return this.#groups.size;
  }

  /** Add a subscription to what its destination names. */
  add(subscription: Subscription): void {
    const pattern = subscription.destination;
    let group = this.#groups.get(pattern);
    if (group === undefined) {
      group = { pattern, matches: matcherOf(pattern), subscriptions: new Set() };
      this.#groups.set(pattern, group);
      if (group.matches !== undefined) this.#patterns.add(group);
      this.#forget(group);
    }
    group.subscriptions.add(subscription);
  }

  /** Remove a subscription. */
  remove(subscription: Subscription): void {
    const group = this.#groups.get(subscription.destination);
    if (group === undefined || !group.subscriptions.delete(subscription) || group.subscriptions.size > 0) return;
    this.#groups.delete(group.pattern);
    this.#patterns.delete(group);
    this.#forget(group);
  }

  /** All subscriptions that get what is sent to a topic. */
  *subscriptionsTo(topic: string): Generator<Subscription, void, undefined> {
    for (const { subscriptions } of this.#route(topic)) yield* subscriptions;
  }

  #route(topic: string): readonly Group[] {
    let route = this.#routes.get(topic);
    if (route === undefined) {
      const exact = this.#groups.get(topic);
      const matching = [...this.#patterns].filter((group) => group !== exact && group.matches?.(topic) === true);
      route = exact === undefined ? matching : [exact, ...matching];
      if (this.#routes.size >= MOST_ROUTES) this.#routes.clear();
      this.#routes.set(topic, route);
    }
    return route;
  }

  #forget(group: Group): void {
    if (group.matches === undefined) this.#routes.delete(group.pattern);
    else this.#routes.clear();
  }
}

/** The test of a pattern; `undefined` if it is a plain name. */
function matcherOf(pattern: string): ((topic: string) => boolean) | undefined {
  const words = pattern.replace(/(^|[./])>$/, "$1#").split(".");
  if (!words.some((word) => isWild(lastPart(word)))) return undefined;
  // The first word carries the prefix: /topic/*.b
  const first = words[0] ?? "";
  const prefix = first.slice(0, first.length - lastPart(first).length);
  const wanted = [lastPart(first), ...words.slice(1)];
  return (topic) => topic.startsWith(prefix) && matchWords(wanted, topic.slice(prefix.length).split("."));
}

function lastPart(word: string): string {
  return word.slice(word.lastIndexOf("/") + 1);
}

function isWild(word: string): boolean {
  return word === "*" || word === "#";
}

/** Whether words match, one by one; after a `#` that did not do, it takes one word more. */
function matchWords(wanted: readonly string[], words: readonly string[]): boolean {
  let at = 0;
  let from = 0;
  let many = -1;
  let manyFrom = 0;
  while (from < words.length) {
    const want = wanted[at];
    if (want === "#") {
      many = at++;
      manyFrom = from;
    } else if (want !== undefined && (want === "*" || want === words[from])) {
      at++;
      from++;
    } else if (many >= 0) {
      at = many + 1;
      from = ++manyFrom;
    } else return false;
  }
  return wanted.slice(at).every((want) => want === "#");
}
