import { expect, test } from "vitest";
import { Ledger } from "./ledger.js";

test("a ledger tells what was lost, what came twice and what is pending", () => {
  const ledger = new Ledger(2);
  for (let count = 0; count < 5; count++) ledger.sends(1);
  expect(ledger.sends(0)).toBe(0);
  ledger.ended(1, 0, "confirmed");
  ledger.ended(1, 1, "confirmed");
  ledger.ended(1, 2, "refused");
  for (const number of [1, 1, 1, 3]) ledger.consumes(1, number);
  expect(ledger.tally()).toEqual({
    sent: 6,
    confirmed: 2,
    refused: 1,
    pending: 3,
    consumed: 4,
    duplicates: 2,
    missing: 1,
  });
  expect(ledger.missing()).toEqual(["1-0"]);
  expect(() => {
    ledger.ended(1, 0, "refused");
  }).toThrow("ended twice");
  expect(ledger.damaged).toEqual([]);
  ledger.consumes(0, 1);
  expect(ledger.damaged).toEqual(["message 0-1 was never sent"]);
});

test("a ledger takes more messages than it has room for at first, and forgets none", () => {
  const ledger = new Ledger(1);
  for (let number = 0; number < 200_000; number++) {
    expect(ledger.sends(0)).toBe(number);
    ledger.ended(0, number, "confirmed");
    if (number !== 77) ledger.consumes(0, number);
  }
  expect(ledger.tally()).toMatchObject({ sent: 200_000, confirmed: 200_000, missing: 1, duplicates: 0 });
});
