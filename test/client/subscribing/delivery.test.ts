import { expect, test } from "vitest";
import { type Connection, SENT } from "../../../src/client/connection/connection.js";
import { type DeliveryState, Message } from "../../../src/client/messages/message.js";
import { NEXT, SessionDelivery } from "../../../src/client/subscribing/delivery.js";
import { frameOf } from "../../../src/protocol/index.js";
import { failure } from "../../support/connected.js";

type Act = (delivery: SessionDelivery, message: Message) => unknown;

/** What brings an event about. */
const EVENTS = {
  decode: (delivery, message) => {
    delivery.decode(message);
  },
  handOut: (delivery, message) => delivery.handOut(message),
  settle: (delivery, message) => failure(delivery.settle("ACK", message, {})),
  settleTentatively: (delivery, message) =>
    failure(delivery.settle("ACK", message, { transaction: "t" }, delivery.connection)),
  commit: (delivery, message) => {
    delivery.decide(message, true);
  },
  abort: (delivery, message) => {
    delivery.decide(message, false);
  },
} as const satisfies Record<string, Act>;
type Event = keyof typeof EVENTS;

/** How a message gets into a state. */
const WAYS: Record<DeliveryState, readonly Event[]> = {
  queued: [],
  decoding: ["decode"],
  "handed-out": ["handOut"],
  tentative: ["handOut", "settleTentatively"],
  settled: ["handOut", "settle"],
};

const states = Object.keys(NEXT) as DeliveryState[]; // its type says so
const events = Object.keys(EVENTS) as Event[];

test.each((["client", "client-individual"] as const).flatMap((ack) => states.map((state) => [ack, state] as const)))(
  "in the mode %s a message that is %s goes where the table says, and nowhere else",
  async (ack, state) => {
    for (const event of events) {
      // What a delivery asks of its connection.
      const connection = { isOpen: true, version: "1.2", send: () => SENT } as unknown as Connection;
      const host = { id: "s", destination: "/queue/a", ack, checkIdle: () => undefined };
      const delivery = new SessionDelivery(connection, host, 0);
      const message = new Message(frameOf("MESSAGE", { "message-id": "m", ack: "a" }), delivery, 1);
      for (const way of WAYS[state]) await EVENTS[way](delivery, message);
      expect(message.state).toBe(state);
      try {
        await EVENTS[event](delivery, message);
      } catch (error) {
        expect(error).toMatchObject({ code: "invalid-state", message: `a message that is ${state} cannot ${event}` });
      }
      expect(message.state, event).toBe(NEXT[state][event] ?? state);
    }
  },
);
