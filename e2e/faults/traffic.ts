/** Producers and consumers that go on whatever happens, and note what becomes of each message. */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { AckMode, Client, Message } from "../../src/index.js";
import type { Ledger } from "./ledger.js";
import type { Random } from "./random.js";

/** A producer has at most so many messages that are not confirmed. */
const MOST_PENDING = 64;
const TEXT = "plain, grün, 日本語: \\n \r\n\t\0".repeat(6000);
const OCTETS = Uint8Array.from({ length: 120_000 }, (_, index) => (index * index) >> 3);

/** Send messages until `signal` says to stop. Resolves when all have an outcome. */
export async function produce(
  client: Client,
  producer: number,
  destination: string,
  { ledger, random, signal, headers }: Production,
): Promise<void> {
  let pending = 0;
  let allEnded: () => void = () => undefined;
  const ended = (number: number, outcome: "confirmed" | "refused"): void => {
    ledger.ended(producer, number, outcome);
    if (--pending === 0) allEnded();
  };
  const send = (): void => {
    const number = ledger.sends(producer);
    const body = bodyOf(random);
    const own = {
      persistent: true,
      "x-producer": producer,
      "x-number": number,
      "x-sum": sumOf(producer, number, body),
    };
    pending++;
    client.send(destination, body, { headers: { ...headers, ...own } }).then(
      () => {
        ended(number, "confirmed");
      },
      (error: unknown) => {
        ended(number, "refused");
        refusals.push(String(error));
      },
    );
  };
  const { refusals } = ledger;
  while (!signal.aborted) {
    for (let left = random.integer(1, 10); left > 0 && pending < MOST_PENDING; left--) send();
    await pause(random.integer(10, 80));
  }
  if (pending > 0) await new Promise<void>((resolve) => (allEnded = resolve));
}

/** What producers share, and what is theirs. */
export interface Production {
  readonly ledger: Ledger;
  readonly random: Random;
  readonly signal: AbortSignal;
  /** More headers of each SEND. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Consume messages, until the client disconnects. */
export async function consume(
  client: Client,
  destination: string,
  ledger: Ledger,
  { ack, headers = {} }: { readonly ack: AckMode; readonly headers?: Readonly<Record<string, string>> },
): Promise<void> {
  const handle = async (message: Message): Promise<void> => {
    const [producer, number] = [Number(message.headers.get("x-producer")), Number(message.headers.get("x-number"))];
    const sum = sumOf(producer, number, message.bytes);
    if (sum !== message.headers.get("x-sum")) {
      ledger.damaged.push(`message ${producer}-${number} has ${message.bytes.length} octets of the sum ${sum}`);
    }
    if (number % 7 === 0) await pause(number % 5); // work, amid which a session can end
    ledger.consumes(producer, number);
  };
  await client.subscribe(destination, handle, {
    ack,
    headers,
    prefetch: 40,
    ...(ack === "client" ? {} : { concurrency: 4 }),
  });
}

/** Octets or text, mostly few, sometimes many. */
function bodyOf(random: Random): string | Uint8Array {
  const most = random.pick([0, 100, 100, 300, 300, 300, 1000, 4000, random.chance(0.1) ? 60_000 : 20]);
  const begin = random.integer(0, 50_000);
  const end = begin + random.integer(0, most);
  return random.chance(0.5) ? TEXT.slice(begin, end) : OCTETS.subarray(begin, end);
}

function sumOf(producer: number, number: number, body: string | Uint8Array): string {
  const octets = typeof body === "string" ? Buffer.from(body) : body;
  return createHash("sha256").update(`${producer}-${number}-${octets.length}-`).update(octets).digest("hex");
}
