/** The page: it shows what the producer sends, and lets its user send and subscribe. All over WebSocket, with the library. */
import { Client, exponentialBackoff, json } from "/stompede.js";
import { Chart } from "/charts.js";

const MOST_MESSAGES = 200;
const element = (id) => document.getElementById(id);
const { url, options, topics } = await (await fetch("/config.json")).json();
const client = new Client(url, {
  ...options,
  retryFirstConnect: true,
  reconnect: exponentialBackoff({ initial: 1000, max: 10_000 }),
});
globalThis.client = client; // to play with in the browser's console

// ---- connection

const state = element("state");

client.onStatus((status) => {
  switch (status.type) {
    case "connected": {
      const { version, server, heartBeat } = status;
      const beats = heartBeat.outgoing === 0 ? "no heart-beats" : `heart-beats ${heartBeat.outgoing / 1000} s`;
      element("session").textContent = `STOMP ${version}, ${server ?? "unknown broker"}, ${beats}`;
      tell("");
      break;
    }
    case "disconnected":
      element("session").textContent = "";
      if (status.reason !== undefined) tell(status.reason.message);
      break;
    case "reconnecting":
      tell(`${status.error.message}; attempt ${status.attempt} follows in ${(status.delay / 1000).toFixed(1)} s`);
      break;
    case "invalid-message":
      tell(`A message of ${status.destination} is not what it should be: ${status.error}`);
      break;
    case "server-error":
      tell(`The broker says: ${status.error.message} ${status.error.details}`);
      break;
    case "handler-error":
      tell(`A message of ${status.destination} could not be shown: ${status.error}`);
      break;
  }
  showState();
});

function showState() {
  state.textContent = client.state;
  state.dataset.state = client.state;
  element("reconnect").hidden = client.state === "connected" || client.state === "disconnecting";
  for (const button of document.querySelectorAll("form button")) button.disabled = client.state !== "connected";
}

function tell(problem) {
  element("problem").textContent = problem;
  element("problem").hidden = problem === "";
}

// ---- live figures

let cpuChart;
const memoryChart = new Chart("memory", ["used", "this process"], { unit: " GB" });
const loadChart = new Chart("load", ["1 min", "5 min", "15 min"]);
const eventLoopChart = new Chart("event-loop", ["mean", "p99", "max"], { unit: " ms" });
const gigabytes = (bytes) => Math.round(bytes / 1e7) / 100;

const show = {
  cpu({ at, all, cores }) {
    cpuChart ??= new Chart("cpu", ["all", ...cores.map((_, i) => `core ${i + 1}`)].slice(0, 9), {
      unit: " %",
      max: 100,
    });
    cpuChart.add(at, [all, ...cores]);
    element("cpu-now").value = `${all.toFixed(1)} %`;
  },
  memory({ at, total, used, process }) {
    memoryChart.add(at, [gigabytes(used), gigabytes(process)]);
    element("memory-now").value = `${gigabytes(used)} of ${gigabytes(total)} GB`;
  },
  load({ at, one, five, fifteen, cores }) {
    loadChart.add(at, [one, five, fifteen]);
    element("load-now").value = `${one} on ${cores} cores`;
  },
  "event-loop"({ at, mean, p99, max }) {
    eventLoopChart.add(at, [mean, p99, max]);
    element("event-loop-now").value = `p99 ${p99} ms`;
  },
  processes({ count, top }) {
    element("processes-now").value = `${top.length} of ${count}`;
    element("processes").replaceChildren(
      ...top.map(({ pid, name, cpu, memory }) => {
        const row = document.createElement("tr");
        for (const [i, text] of [name, pid, `${cpu.toFixed(1)} %`, `${(memory / 1e6).toFixed(0)} MB`].entries()) {
          const cell = row.insertCell();
          cell.textContent = text;
          cell.className = i === 0 ? "" : "number";
        }
        return row;
      }),
    );
  },
};

// ---- send and subscribe

const subscriptions = new Map();

element("subscribe").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { destination, ack } = Object.fromEntries(new FormData(event.target));
  try {
    const subscription = await client.subscribe(destination, (message) => showMessage(message), { ack });
    addSubscription(subscription);
  } catch (error) {
    tell(`Cannot subscribe: ${error.message}`);
  }
});

function addSubscription(subscription) {
  const item = document.createElement("li");
  const end = document.createElement("button");
  end.type = "button";
  end.textContent = "✕";
  end.title = "unsubscribe";
  end.addEventListener("click", () => subscription.unsubscribe().catch((error) => tell(error.message)));
  item.append(`${subscription.destination} (${subscription.ack}) `, end);
  element("subscriptions").append(item);
  subscriptions.set(subscription, item);
  subscription.ended
    .catch((error) => tell(`The subscription to ${subscription.destination} has ended: ${error.message}`))
    .finally(() => {
      item.remove();
      subscriptions.delete(subscription);
    });
}

function showMessage(message) {
  const item = document.createElement("li");
  const where = document.createElement("span");
  where.className = "where";
  where.textContent = message.destination;
  item.append(where, message.text());
  const list = element("messages");
  list.prepend(item);
  while (list.children.length > MOST_MESSAGES) list.lastElementChild.remove();
}

element("send").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { destination, body } = Object.fromEntries(new FormData(event.target));
  const sent = element("sent");
  const started = performance.now();
  try {
    await client.send(destination, body, { receipt: true, headers: { "content-type": "text/plain" } });
    sent.className = "";
    sent.value = `confirmed by the broker after ${(performance.now() - started).toFixed(1)} ms`;
  } catch (error) {
    sent.className = "failed";
    sent.value = error.message;
  }
});

// ---- start

for (const [name, handler] of Object.entries(show)) {
  // Before there is a connection: they are made with each session.
  await client.subscribe(topics + name, (message) => handler(message.value), { codec: json() });
}

// Connects when it is not connected, and does not wait for the next attempt when it is about to connect again.
element("reconnect").addEventListener("click", () => client.reconnect().catch((error) => tell(error.message)));
showState();
client.connect().catch((error) => tell(error.message));
