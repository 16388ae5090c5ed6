import { type Message, StompError, connect } from "stompede";
import * as stompede from "stompede";
import * as broker from "stompede/broker";
import * as served from "stompede/broker/node";
import { type Frame, FrameDecoder, StompError as SameError } from "stompede/protocol";
import { fileStore } from "stompede/store/file";
import { type SendStore, type StoredSend, indexedDbStore } from "stompede/store/indexed-db";
import { tcp } from "stompede/tcp";

export async function use(): Promise<string> {
  await using client = await connect(tcp("stomp://localhost"), { login: "guest" });
  await client.send("/queue/a", new Uint8Array(3), { receipt: true, timeout: 5000 });
  const subscription = await client.subscribe("/queue/a", { ack: "client-individual" });
  for await (const message of subscription) return textOf(message);
  // @ts-expect-error: a destination is a string
  await client.send(1, "");
  return "";
}

const textOf = (message: Message): string => message.text();
const same: typeof StompError = SameError;
export const stores: SendStore[] = [fileStore("sends", { compactAt: 1 << 16 }), indexedDbStore("sends")];
export const keptBody = (send: StoredSend): string | Uint8Array => send.body;
export const frames: Frame[] = [];
export { FrameDecoder, broker, same, served };
// @ts-expect-error: a message is a type alone, which the client makes: there is no such value in the package
export const noValue = stompede.Message;
