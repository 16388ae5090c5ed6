/** docs/brokers.md: made of the catalogue and of what the suite expects of each broker. */
import { PREFETCH } from "../../src/client/subscribing/terms.js";
import { brokerKindOf } from "../../src/protocol/broker-kinds.js";
import { type AnswerOf, CATALOGUE, type Behaviour } from "./catalogue.js";
import type { Expectation, Subject } from "./subject.js";
import { activemq5, activemq6 } from "./subjects/activemq.js";
import { artemis } from "./subjects/artemis.js";
import { rabbitmq } from "./subjects/rabbitmq.js";
import { springRelay, springSimple } from "./subjects/spring.js";

/** A column of the tables: brokers that hardly differ share one. */
interface Column {
  readonly title: string;
  readonly subjects: readonly Subject[];
}

const COLUMNS: readonly Column[] = [
  { title: "RabbitMQ", subjects: [rabbitmq] },
  { title: "ActiveMQ Classic", subjects: [activemq5, activemq6] },
  { title: "Artemis", subjects: [artemis] },
  { title: "Spring, simple broker", subjects: [springSimple] },
  { title: "Spring, relay to RabbitMQ", subjects: [springRelay] },
];

const INTRODUCTION = `# Brokers

<!-- made by: npm run docs:brokers -->

What the brokers do that this client is proven on, and how they differ. Nothing here is from hearsay: each cell is an expectation of the suite
in \`e2e/conformance\`, which is run at each change against RabbitMQ 3.10 (TCP, TLS, WebSocket, secure WebSocket), ActiveMQ Classic 5.17
(TCP, TLS) and 6 (all four), Artemis 2 (all four), and Spring 6 (WebSocket, SockJS), in STOMP 1.0, 1.1 and 1.2.

A cell holds for all versions and carriers unless it says for which. "–" is a question that makes no sense there. What brokers do not differ in
is not listed: texts of every kind and of a mebibyte arrive as they were, receipts come for whatever asked for one, a topic's message goes
to every subscriber and a queue's to one, an UNSUBSCRIBE leaves the session as it is, heart-beats keep a silent session alive, a
transaction that is aborted or lost has sent nothing. (Spring's simple broker, without receipts, queues and transactions, has of these the
bodies and the heart-beats.)
`;

const ERRORS = `Of a frame that a broker does not like, and which asked for a receipt, the tables have what follows: whether an ERROR comes and names that receipt
(\`receipt-id\`), whether the RECEIPT comes all the same, and whether the session goes on. An ERROR that names a receipt rejects that call with
\`ServerError\`; one that names nothing is told by the status \`server-error\`, and where the session ends with it, rejects whatever waits.`;

/** The counts of the table of headers, by what a caller says. */
const COUNTS = {
  [`by default in \`client-individual\` (${PREFETCH["client-individual"]})`]: PREFETCH["client-individual"],
  [`by default in \`client\` (${PREFETCH.client})`]: PREFETCH.client,
  "`prefetch: 1`": 1,
  "`prefetch: Infinity`": Infinity,
};

const PREFETCH_TEXT = `In the modes \`client\` and \`client-individual\` every SUBSCRIBE asks the broker to send at most this many messages ahead of what is acknowledged.
Each kind of broker has a header of its own for that; the client knows the kind by the \`server\` header of CONNECTED. In the mode \`auto\` the header is sent only
if \`prefetch\` is given. A smaller \`buffer\` makes the default smaller. A header of the same name in \`headers\` replaces it. Artemis counts bytes: the client asks for ${bytesEach()} for each message, fewer than the smallest has. ActiveMQ is never asked for
more than ${mostOf("ActiveMQ/6")}.`;

/** The page, not yet formatted. */
export function brokersPage(): string {
  const sections = Object.values(CATALOGUE).map(({ title, behaviours }) =>
    [`## ${title}`, "", ...table(behaviours), ""].join("\n"),
  );
  const notes = COLUMNS.map(({ title, subjects }) =>
    [`### ${title}`, "", ...(subjects[0]?.notes ?? []).map((note) => `- ${note}`), ""].join("\n"),
  );
  const prefetch = ["## What `prefetch` sends", "", PREFETCH_TEXT, "", ...prefetchTable(), ""].join("\n");
  return [INTRODUCTION, ERRORS, "\n## What to set, and what to know\n", ...notes, prefetch, ...sections].join("\n");
}

function table(behaviours: Readonly<Record<string, Behaviour>>): string[] {
  return tableOf(
    COLUMNS.map(({ title }) => title),
    Object.entries(behaviours).map(([id, { title }]) => [
      title,
      ...COLUMNS.map(({ subjects }) => shared(id, subjects)),
    ]),
  );
}

/** By what a caller says, the headers that each broker is sent: of the same table as the client's. */
function prefetchTable(): string[] {
  const rows = Object.entries(COUNTS).map(([title, count]) => [
    title,
    ...COLUMNS.map(({ subjects }) => shared("server", subjects, (server) => prefetchHeaders(server, count))),
    prefetchHeaders(NO_SERVER, count),
  ]);
  return tableOf([...COLUMNS.map(({ title }) => title), "any other"], rows);
}

/** As the catalogue says that a broker does not tell what it is. */
const NO_SERVER = "none" satisfies AnswerOf<"server">;

/** `server`: as the catalogue says it. */
function prefetchHeaders(server: string, count: number | undefined): string {
  const kind = brokerKindOf(server === NO_SERVER ? undefined : server.replaceAll("`", ""));
  const pairs = count === undefined ? [] : kind.prefetch(count);
  return pairs.map(([name, value]) => `\`${name}:${value}\``).join(", ");
}

/** What the client asks a kind of broker for where a caller wants no bound. */
function mostOf(server: string): string {
  return String(brokerKindOf(server).prefetch(Infinity)[0]?.[1]);
}

/** How many bytes of Artemis the client takes for one message. */
function bytesEach(): string {
  return String(Number(brokerKindOf("ActiveMQ-Artemis/2").prefetch(1000)[0]?.[1]) / 1000);
}

function tableOf(titles: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const head = ["", ...titles];
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
}

/** What brokers answer that share a column. `say`: what stands there for an answer. */
function shared(id: string, subjects: readonly Subject[], say?: (answer: string) => string): string {
  const cells = subjects.map(({ title, expects }) => {
    const all: Readonly<Record<string, Expectation<string>>> = expects;
    return { title, cell: cellOf(all[id], say) };
  });
  const [first] = cells;
  if (first === undefined || cells.every(({ cell }) => cell === first.cell)) return first?.cell ?? "–";
  return cells.map(({ title, cell }) => `${title}: ${cell}`).join("<br>");
}

const NAMES: Readonly<Record<string, string>> = { tcp: "TCP", ws: "WebSocket", sockjs: "SockJS" };

function cellOf(expectation: Expectation<string>, say = (answer: string): string => answer): string {
  if (expectation === undefined) return "–";
  if (typeof expectation === "string") return say(expectation);
  if ("anyOf" in expectation) return expectation.anyOf.map(say).join(", or ");
  const { otherwise, ...special } = expectation;
  const parts = Object.entries(special).map(([key, answer]) => `${NAMES[key] ?? key}: ${cellOf(answer, say)}`);
  return [cellOf(otherwise, say), ...parts].join("<br>");
}
