/** The commands of STOMP, by who sends them. */

/** What a client sends. STOMP is CONNECT under another name (1.1 and later). */
export type ClientCommand =
  | "CONNECT"
  | "STOMP"
  | "SEND"
  | "SUBSCRIBE"
  | "UNSUBSCRIBE"
  | "ACK"
  | "NACK"
  | "BEGIN"
  | "COMMIT"
  | "ABORT"
  | "DISCONNECT";

/** What a server sends. */
export type ServerCommand = "CONNECTED" | "MESSAGE" | "RECEIPT" | "ERROR";

/** Any command. */
export type Command = ClientCommand | ServerCommand;

/** One of the two sides of a session. */
export type Role = "client" | "server";

/** Every command, and who sends it. */
export const COMMANDS: ReadonlyMap<string, Role> = new Map(
  Object.entries({
    CONNECT: "client",
    STOMP: "client",
    SEND: "client",
    SUBSCRIBE: "client",
    UNSUBSCRIBE: "client",
    ACK: "client",
    NACK: "client",
    BEGIN: "client",
    COMMIT: "client",
    ABORT: "client",
    DISCONNECT: "client",
    CONNECTED: "server",
    MESSAGE: "server",
    RECEIPT: "server",
    ERROR: "server",
  } satisfies Record<Command, Role>),
);

/** Whether `text` is a command of STOMP that `from` sends. Commands are case sensitive. */
export function isCommandOf(text: string, from: "client"): text is ClientCommand;
export function isCommandOf(text: string, from: "server"): text is ServerCommand;
export function isCommandOf(text: string, from: Role): text is Command;
export function isCommandOf(text: string, from: Role): boolean {
  return COMMANDS.get(text) === from;
}

/** Whether frames of this command may have a body. STOMP 1.2, "Body": "Only the SEND, MESSAGE, and ERROR frames MAY have a body." */
export function mayHaveBody(command: Command): boolean {
  return command === "MESSAGE" || command === "SEND" || command === "ERROR";
}
