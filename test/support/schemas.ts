/** Validators after the Standard Schema specification, as Zod or Valibot would make them. */
import type { SchemaResult, StandardSchema } from "../../src/client/messages/codec.js";

export interface Order {
  readonly id: number;
  readonly note?: string;
}

function check(value: unknown): SchemaResult<Order> {
  if (typeof value !== "object" || value === null) return { issues: [{ message: "an order must be an object" }] };
  const { id, note } = value as Record<string, unknown>;
  if (typeof id !== "number") return { issues: [{ message: "must be a number", path: [{ key: "id" }] }] };
  return { value: typeof note === "string" ? { id, note } : { id } };
}

function schemaOf<Input, Output>(
  validate: StandardSchema<Input, Output>["~standard"]["validate"],
): StandardSchema<Input, Output> {
  return { "~standard": { version: 1, vendor: "test", validate } };
}

/** Orders; what else there is in a value is left out. */
export const order: StandardSchema<Order> = schemaOf(check);

/** The same, and its answer takes `delayOf(value)` microtasks. */
export function slowOrder(delayOf: (value: unknown) => number = () => 1): StandardSchema<Order> {
  return schemaOf(async (value) => {
    for (let left = delayOf(value); left > 0; left--) await Promise.resolve();
    return check(value);
  });
}

/** Texts that are sent, and numbers when they are received. */
export const numeral: StandardSchema<string, number> = schemaOf((value) =>
  typeof value === "string" && /^\d+$/.test(value) ? { value: Number(value) } : { issues: [{ message: "no numeral" }] },
);
