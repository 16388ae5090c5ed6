/** Codecs: what values of a program's own look like as messages. */
import { isThenable } from "../../internal/thenable.js";
import type { Body, HeaderValue } from "../../protocol/index.js";
import type { Message } from "./message.js";

/** A value as it is sent. */
export interface Encoded {
  /** The body. */
  readonly body: Body;
  /** More headers of SEND; those that the caller gives count before them. */
  readonly headers?: Readonly<Record<string, HeaderValue>>;
}

/** Makes values of messages. */
export interface ValueDecoder<T> {
  /** The value of a message. Throws, or rejects, when the message has none that is valid. */
  readonly decode: (message: Message<unknown>) => T | Promise<T>;
}

/** Makes messages of values. */
export interface ValueEncoder<T> {
  /** How a value is sent. Throws, or rejects, when it is not valid. */
  readonly encode: (value: T) => Encoded | Promise<Encoded>;
}

/** Turns values into messages and back. `Sent`: what may be sent, where that is another type than what is received. */
export interface Codec<T, Sent = T> extends ValueDecoder<T>, ValueEncoder<Sent> {}

/** A validator after the Standard Schema specification (https://standardschema.dev), version 1: Zod, Valibot, ArkType and others are such. */
export interface StandardSchema<Input = unknown, Output = Input> {
  /** The validator. */
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What a validator says of a value. */
export type SchemaResult<Output> =
  { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly SchemaIssue[] };

/** What is wrong with a value, and where. */
export interface SchemaIssue {
  /** What is wrong. */
  readonly message: string;
  /** Where: the names of the properties that lead there. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/**
 * JSON, in UTF-8, with the content-type `application/json`. With a schema every value is validated by it in both directions.
 * What is received is what the schema makes of it; what is sent is the value as it was given, so that a schema that
 * transforms (text into a Date) can be the same on both sides.
 *
 * @throws TypeError for a schema that is no Standard Schema validator.
 */
export function json<T = unknown, Sent = T>(schema?: StandardSchema<Sent, T>): Codec<T, Sent> {
  if (schema !== undefined && typeof schema["~standard"]?.validate !== "function") {
    throw new TypeError("schema must be a Standard Schema validator");
  }
  return {
    // Without a schema the caller vouches for the type.
    decode: (message) => (schema === undefined ? (message.json() as T) : validated(schema, message.json())),
    encode: (value) => {
      const encoded = encodeJson(value); // at once: the caller may change the value while it is validated
      const valid = schema === undefined ? undefined : validated(schema, value);
      return isThenable(valid) ? Promise.resolve(valid).then(() => encoded) : encoded;
    },
  };
}

/** @throws TypeError unless `codec` has that function. */
export function checkCodec<N extends "encode" | "decode">(
  codec: { readonly [name in N]?: unknown } | null,
  name: N,
): void {
  if (typeof codec?.[name] === "function") return;
  throw new TypeError(`codec has no function ${name}; for a Standard Schema use json(schema)`);
}

function encodeJson(value: unknown): Encoded {
  const body = JSON.stringify(value) as string | undefined; // undefined for what has no JSON, against its type
  if (body === undefined) throw new TypeError(`there is no JSON for ${typeof value}`);
  return { body, headers: { "content-type": "application/json" } };
}

function validated<T>(schema: StandardSchema<unknown, T>, value: unknown): T | Promise<T> {
  const result = schema["~standard"].validate(value);
  return isThenable(result) ? Promise.resolve(result).then(valueOf) : valueOf(result);
}

function valueOf<T>(result: SchemaResult<T>): T {
  if (result.issues === undefined) return result.value;
  throw new TypeError(["value is not valid", result.issues.map(issueText).join("; ")].filter(Boolean).join(": "));
}

function issueText({ message, path = [] }: SchemaIssue): string {
  const where = path.map((step) => String(typeof step === "object" ? step.key : step)).join(".");
  return where === "" ? message : `${where}: ${message}`;
}
