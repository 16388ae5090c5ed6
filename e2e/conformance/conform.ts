/** Runs probes against every broker that is there, over each of its carriers and at each of its versions. */
import { describe, expect, inject, test } from "vitest";
import { tcp } from "../../src/adapters/tcp.js";
import {
  type Client,
  type ConnectOptions,
  type Dial,
  type Message,
  type Version,
  connect,
  webSocket,
} from "../../src/index.js";
import type { BrokerAddress } from "../brokers/broker.js";
import { type AnswerOf, type BehaviourId, behaviour } from "./catalogue.js";
import { later } from "../support/later.js";
import { drain } from "../support/messages.js";
import { PATIENT, loadSockJs } from "../spring/sock-js.js";
import { RawPeer } from "./raw-peer.js";
import { type Expectation, type Feature, type Row, type Subject, expected } from "./subject.js";
import { SUBJECTS } from "./subjects.js";

const brokers = inject("brokers");
const sockJs = await loadSockJs();
let last = 0;

/** A row of the table of cases, and the means of a probe in it. */
export class Case implements Row {
  readonly subject: Subject;
  readonly carrier: Row["carrier"];
  readonly version: Version;
  readonly #address: BrokerAddress;

  constructor(subject: Subject, row: Row, address: BrokerAddress) {
    this.subject = subject;
    this.carrier = row.carrier;
    this.version = row.version;
    this.#address = address;
  }

  /** Where the broker is. */
  get url(): string {
    return this.#address.endpoints[this.carrier] ?? "";
  }

  /** Whether the broker confirms what is asked for: what probes give as `receipt`. */
  get receipt(): boolean {
    return !this.lacks("receipts");
  }

  /** Whether the broker does not have something at all. */
  lacks(feature: Feature): boolean {
    return this.subject.lacks?.includes(feature) === true;
  }

  /** Connect as the user who may do all. A session that ends is not replaced. */
  open(options: ConnectOptions = {}): Promise<Client> {
    return connect(this.#target(), {
      versions: [this.version],
      reconnect: false,
      receiptTimeout: 15_000,
      ...this.subject.login,
      ...this.#tls(),
      ...options,
    });
  }

  /** Open a connection without rules, and log in unless told otherwise. */
  async raw(headers: Readonly<Record<string, string>> | false = {}): Promise<RawPeer> {
    const peer = await RawPeer.dial(this.#dial(), this.version, this.receipt);
    if (headers === false) return peer;
    peer.send("CONNECT", this.connectHeaders(headers));
    await peer.until(({ command }) => command === "CONNECTED");
    return peer;
  }

  /** What CONNECT says of the user who may do all. */
  connectHeaders(more: Readonly<Record<string, string>> = {}): Record<string, string> {
    const { login, passcode } = this.subject.login;
    return {
      "accept-version": this.version,
      host: "/",
      ...(login === undefined ? {} : { login }),
      ...(passcode === undefined ? {} : { passcode }),
      ...more,
    };
  }

  /** A name that no other case has. */
  name(): string {
    last++;
    return `test-${String(process.pid)}-${Date.now().toString(36)}-${String(last)}`;
  }

  /** A queue that no other case has. */
  queue(): string {
    return `/queue/${this.name()}`;
  }

  /** A topic that no other case has. */
  topic(): string {
    return `/topic/${this.name()}`;
  }

  /** Send texts, one message each, and have them confirmed where that can be. */
  async sendAll(client: Client, destination: string, bodies: readonly string[]): Promise<void> {
    await Promise.all(bodies.map((body) => client.send(destination, body, { receipt: this.receipt })));
  }

  /** Read what is left in a queue for a new session. Where there are no queues: what comes within a second. */
  async left(queue: string): Promise<Message[]> {
    await using client = await this.open();
    if (!this.lacks("queues")) return await drain(client, queue);
    const messages: Message[] = [];
    await client.subscribe(queue, (message) => void messages.push(message));
    await later(1000);
    return messages;
  }

  #target(): string | Dial {
    return this.carrier === "sockjs" ? this.#dial() : this.url;
  }

  #dial(): Dial {
    const secure = this.#tls();
    switch (this.carrier) {
      case "tcp":
      case "tls":
        return tcp(this.url, secure);
      case "sockjs":
        return sockJs(this.url, { transports: ["websocket"], timeout: PATIENT });
      default:
        return webSocket(this.url, { ...secure, protocols: [`v${this.version.replace(".", "")}.stomp`] });
    }
  }

  #tls(): { readonly tls?: { readonly ca: string } } {
    const { ca } = this.#address;
    return ca !== undefined && (this.carrier === "tls" || this.carrier === "wss") ? { tls: { ca } } : {};
  }
}

/** Define what holds on every broker that has what it needs, or that `among` names. */
export function holds(
  title: string,
  probe: (at: Case) => Promise<void>,
  among: readonly Feature[] | ((at: Case) => boolean) = ["receipts", "queues"],
): void {
  const isAmong = typeof among === "function" ? among : (at: Case) => !among.some((feature) => at.lacks(feature));
  each((at) => {
    if (isAmong(at)) test(title, () => probe(at));
  });
}

/** Observe a behaviour, and compare it with what is expected of each broker. */
export function conform<Id extends BehaviourId>(id: Id, probe: (at: Case) => Promise<AnswerOf<Id>>): void {
  const { title } = behaviour(id);
  each((at) => {
    const answers = expected((at.subject.expects as Readonly<Record<string, Expectation<string>>>)[id], at);
    if (answers === undefined) return;
    test(`${title}: ${answers.join(" or ")}`, async () => {
      expect(answers).toContain(await probe(at));
    });
  });
}

/** Define tests for each row of each broker. */
function each(define: (at: Case) => void): void {
  for (const [id, subject] of Object.entries(SUBJECTS) as [keyof typeof SUBJECTS, Subject][]) {
    const place = brokers[id];
    const rows = subject.carriers.flatMap((carrier) => subject.versions.map((version) => ({ carrier, version })));
    const block = typeof place === "string" ? describe.skip : describe.concurrent;
    const why = typeof place === "string" ? ` (there is none: ${place})` : "";
    for (const row of rows) {
      block(`${subject.title} over ${row.carrier} with STOMP ${row.version}${why}`, () => {
        define(new Case(subject, row, typeof place === "string" ? NOWHERE : place));
      });
    }
  }
}

const NOWHERE: BrokerAddress = { endpoints: {}, ca: undefined, version: "", base: "" };
