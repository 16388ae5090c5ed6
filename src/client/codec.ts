/** Codecs: what values of a program's own look like as messages. */
import type { Body, HeaderValue } from "../protocol/index.js";
import type { Message } from "./message.js";

/** A value as it is sent. */
export interface Encoded {
  /** The body. */
  readonly body: Body;
  /** More headers of SEND; those that the caller gives count before them. */
  readonly headers?: Readonly<Record<string, HeaderValue>>;
}

/** Turns values into messages and back. */
export interface Codec<T> {
  /** The value of a message. Throws, or rejects, when the message has none that is valid. */
  decode(message: Message<unknown>): T | Promise<T>;
  /** How a value is sent. Throws, or rejects, when it is not valid. */
  encode(value: T): Encoded | Promise<Encoded>;
}

/** A validator after the Standard Schema specification (https://standardschema.dev), version 1: Zod, Valibot, ArkType and others are such. */
export interface StandardSchema<Output = unknown> {
  /** The validator. */
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
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
 * JSON, in UTF-8, with the content-type `application/json`. With a schema every value is validated by it, on the way in and
 * on the way out, and is what the schema makes of it.
 */
export function json<T = unknown>(schema?: StandardSchema<T>): Codec<T> {
  return {
    decode: (message) => validated(schema, message.json()),
    encode: (value) => {
      const valid = validated(schema, value);
      return valid instanceof Promise ? valid.then(encodeJson) : encodeJson(valid);
    },
  };
}

function encodeJson(value: unknown): Encoded {
  const body = JSON.stringify(value) as string | undefined; // undefined for what has no JSON, against its type
  if (body === undefined) throw new TypeError(`there is no JSON for ${typeof value}`);
  return { body, headers: { "content-type": "application/json" } };
}

function validated<T>(schema: StandardSchema<T> | undefined, value: unknown): T | Promise<T> {
  if (schema === undefined) return value as T; // without a schema the caller vouches for the type
  const result = schema["~standard"].validate(value);
  return result instanceof Promise ? result.then(valueOf) : valueOf(result);
}

function valueOf<T>(result: SchemaResult<T>): T {
  if (result.issues === undefined) return result.value;
  throw new TypeError(`value is not valid: ${result.issues.map(issueText).join("; ")}`);
}

function issueText({ message, path = [] }: SchemaIssue): string {
  const where = path.map((step) => String(typeof step === "object" ? step.key : step)).join(".");
  return where === "" ? message : `${where}: ${message}`;
}
