/**
 * What a client goes through in every runtime and engine: plain JavaScript without an import, which any of them takes as it is.
 *
 * @typedef {{ url: string, nobody: string, mute: string, elsewhere?: string }} Place where a carrier leads to the broker, to
 *   nobody, to somebody who never answers, and to an HTTP server that knows no WebSocket
 * @typedef {{ control: string, carriers: Record<string, Place>, lacks: string[], ca?: string }} Places
 * @typedef {{ carrier: string, step: string, outcome: string, ms: number }} Outcome `outcome` is "ok", or what went wrong
 */

const TEXT = "a text: ä € 😀, and \0 in it";
const LARGE = "0123456789abcdef".repeat(1 << 16);
const LOGIN = { login: "guest", passcode: "guest" };
const STEP_TIME = 30_000;

/** The steps over each carrier, in their order. */
const STEPS = {
  /** An attempt that comes to nothing settles: at once where the platform knows it, else when its time is over. */
  async refused({ stompede, place, tls }) {
    const timedOut = (error) => / within \d+ ms/.test(error.message);
    for (const url of [place.nobody, place.elsewhere, place.mute]) {
      if (url === undefined) continue;
      const connectTimeout = url === place.mute ? 500 : 10_000;
      const error = await failureOf(stompede.connect(url, { ...tls, reconnect: false, connectTimeout }));
      expect(error instanceof stompede.ConnectError, `${url} gave ${error}`);
      expect(timedOut(error) === (url === place.mute), `${url} gave ${error}`);
    }
  },

  async connect(walk) {
    const { stompede, place, tls } = walk;
    walk.client = new stompede.Client(place.url, {
      ...LOGIN,
      ...tls,
      heartBeat: { outgoing: 1000, incoming: 1000 },
      heartBeatTolerance: 3,
      reconnect: stompede.exponentialBackoff({ initial: 50, max: 500 }),
      refusalLimit: Infinity,
    });
    walk.client.onStatus((status) => walk.statuses.push(status));
    await walk.client.connect();
    const session = walk.statuses.find(({ type }) => type === "connected");
    expect(session?.version === "1.2", `the session is ${JSON.stringify(session)}`);
  },

  async subscribe(walk) {
    const options = { ack: "client-individual", receipt: true };
    walk.subscription = await walk.client.subscribe(walk.queue, options);
  },

  async send(walk) {
    for (const body of [TEXT, new TextEncoder().encode(TEXT)]) {
      await walk.client.send(walk.queue, body);
      await arrives(walk, TEXT);
    }
  },

  async receipt(walk) {
    await walk.client.send(walk.queue, LARGE, { receipt: true });
    await arrives(walk, LARGE);
  },

  /** What is acknowledged here does not come again in the sessions after this one. */
  async ack(walk) {
    for (const message of walk.unacknowledged.splice(0)) await message.ack({ receipt: true });
  },

  /** The connection ends between two frames. */
  closed: (walk) => goesOn(walk, "close", walk.stompede.ConnectionLostError),

  /** The connection is reset. */
  reset: (walk) => goesOn(walk, "reset", walk.stompede.ConnectionLostError),

  /** Nothing comes any more: only its missing heart-beats tell. */
  silent: (walk) => goesOn(walk, "silence", walk.stompede.HeartBeatError),

  async disconnect({ client, carrier, statuses, ask }) {
    const sent = [];
    client.onFrame(({ direction, frame }) => {
      if (direction === "out") sent.push(frame.command);
    });
    await client.disconnect();
    expect(sent.at(-1) === "DISCONNECT", `sent were ${sent.join(" ")}`);
    const { type, reason } = statuses.at(-1) ?? {};
    expect(type === "disconnected" && reason === undefined, `the last status is ${type}, ${reason}`);
    await ask(`gone?carrier=${carrier}`);
  },
};

/** The steps' names, in their order. */
export const STEP_NAMES = Object.keys(STEPS);

/** Go through all steps over each carrier. @returns {Promise<Outcome[]>} */
export async function runScenario(stompede, places) {
  const walks = Object.keys(places.carriers).map((carrier) => go(stompede, places, carrier));
  return [...places.lacks.map((carrier) => lacks(stompede, carrier)), ...(await Promise.all(walks)).flat()];
}

async function go(stompede, places, carrier) {
  const ask = async (what) => {
    const answer = await fetch(`${places.control}/${what}`, { method: "POST" });
    const text = await answer.text();
    expect(answer.ok, `${what}: ${text}`);
  };
  const walk = {
    stompede,
    carrier,
    ask,
    place: places.carriers[carrier],
    tls: carrier === "tls" ? { tls: { ca: places.ca } } : {},
    queue: `/queue/${carrier}-${Math.random().toString(36).slice(2)}`,
    statuses: [],
    unacknowledged: [],
  };
  const outcomes = [];
  let failed = false;
  for (const [step, take] of Object.entries(STEPS)) {
    const begin = performance.now();
    const outcome = failed ? "not reached" : await outcomeOf(take(walk));
    if (outcome !== "ok") failed = true;
    outcomes.push({ carrier, step, outcome, ms: Math.round(performance.now() - begin) });
  }
  if (failed) await walk.client?.disconnect();
  return outcomes;
}

/** A carrier that the platform has not: that is told at once. */
function lacks({ Client }, carrier) {
  let outcome = "a client was made";
  try {
    new Client(carrier === "tls" ? "stomp+ssl://127.0.0.1:1" : "stomp://127.0.0.1:1");
  } catch (error) {
    outcome = error instanceof TypeError && /this platform has no TCP/.test(error.message) ? "ok" : String(error);
  }
  return { carrier, step: "unavailable", outcome, ms: 0 };
}

/** The connection ends in a way, and the client goes on: with a session of its own making, and the subscription that it had. */
async function goesOn(walk, way, Reason) {
  const { client, statuses, queue, ask, carrier } = walk;
  const before = statuses.length;
  const again = new Promise((resolve) => {
    const stop = client.onStatus(({ type }) => {
      if (type !== "connected") return;
      stop();
      resolve();
    });
  });
  await ask(`${way}?carrier=${carrier}`);
  await again;
  const end = statuses.slice(before).find(({ type }) => type === "disconnected");
  expect(end?.reason instanceof Reason, `the session ended with ${end?.reason}`);
  await client.send(queue, `after the ${way}`, { receipt: true });
  await arrives(walk, `after the ${way}`);
  for (const message of walk.unacknowledged.splice(0)) await message.ack({ receipt: true });
}

/** The next message has this body. */
async function arrives({ subscription, unacknowledged }, text) {
  const { value: message } = await subscription.next();
  unacknowledged.push(message);
  const got = message?.text();
  expect(got === text, `there came ${String(got).slice(0, 100)}`);
}

async function outcomeOf(promise) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, STEP_TIME, `not done within ${STEP_TIME} ms`);
  });
  const done = promise.then(
    () => "ok",
    (error) => String(error),
  );
  const outcome = await Promise.race([done, late]);
  clearTimeout(timer);
  return outcome;
}

function failureOf(promise) {
  return promise.then(
    () => "success",
    (error) => error,
  );
}

function expect(condition, otherwise) {
  if (!condition) throw new Error(otherwise);
}
