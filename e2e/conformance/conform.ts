/** Runs probes against every broker that is there, over each of its carriers and at each of its versions. */
import { describe, expect, inject, test } from "vitest";
import { tcp } from "../../src/adapters/tcp.js";
import { type Client, type ConnectOptions, type Version, connect, webSocket } from "../../src/index.js";
import type { BrokerAddress } from "../brokers/broker.js";
import { type AnswerOf, type BehaviourId, behaviour } from "./catalogue.js";
import { RawPeer } from "./raw-peer.js";
import { type Expectation, type Row, type Subject, expected } from "./subject.js";
import { SUBJECTS } from "./subjects.js";

const brokers = inject("brokers");
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

  /** Connect as the user who may do all. A session that ends is not replaced. */
  open(options: ConnectOptions = {}): Promise<Client> {
    return connect(this.url, {
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
    const secure = this.#tls();
    const dial =
      this.carrier === "tcp" || this.carrier === "tls"
        ? tcp(this.url, secure)
        : webSocket(this.url, { ...secure, protocols: [`v${this.version.replace(".", "")}.stomp`] });
    const peer = await RawPeer.dial(dial, this.version);
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

  #tls(): { readonly tls?: { readonly ca: string } } {
    const { ca } = this.#address;
    return ca !== undefined && (this.carrier === "tls" || this.carrier === "wss") ? { tls: { ca } } : {};
  }
}

/** Define what holds on every broker that `among` names; all of them by default. */
export function holds(
  title: string,
  probe: (at: Case) => Promise<void>,
  among: (at: Row & { readonly subject: Subject }) => boolean = () => true,
): void {
  each((at) => {
    if (among(at)) test(title, () => probe(at));
  });
}

/** Observe a behaviour, and compare it with what is expected of each broker. */
export function conform<Id extends BehaviourId>(id: Id, probe: (at: Case) => Promise<AnswerOf<Id>>): void {
  const { title } = behaviour(id);
  each((at) => {
    const answer = expected(at.subject.expects[id] as Expectation<string>, at);
    if (answer === undefined) return;
    test(`${title}: ${answer}`, async () => {
      expect(await probe(at)).toBe(answer);
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
