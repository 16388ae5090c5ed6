import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { drain, open, texts } from "../rabbitmq/clients.js";
import { describeRabbitMq, freshQueue, rabbitmq } from "../rabbitmq/with-rabbitmq.js";
import { Gate } from "./gate.js";
import { Program } from "./program.js";

const SENDER = new URL("sender.mjs", import.meta.url);

/** The numbers that a sender has printed behind a word. */
function numbers(lines: readonly string[], word: string): number[] {
  return lines.filter((line) => line.startsWith(`${word} `)).map((line) => Number(line.slice(word.length)));
}

describeRabbitMq("a program that sends at least once, with a file store", () => {
  test("loses nothing that its store has, though the network fails and it is killed", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "stompede-outbox-"));
    const destination = freshQueue();
    await using gate = await Gate.to(rabbitmq.stompPort);
    const url = `stomp://127.0.0.1:${gate.port}`;

    await using first = new Program(SENDER, url, folder, destination);
    await first.until((lines) => numbers(lines, "confirmed").length >= 200);
    gate.cut();
    await first.until((lines) => lines.includes("disconnected"));
    const before = numbers(first.lines, "kept").length;
    await first.until((lines) => numbers(lines, "kept").length >= before + 500);
    await first.kill(); // in the midst of sending
    const kept = numbers(first.lines, "kept");
    const confirmed = numbers(first.lines, "confirmed");
    expect(confirmed.length).toBeLessThan(kept.length - 400);

    // Killed as well, in the midst of sending what is left.
    gate.mend();
    await using second = new Program(SENDER, url, folder);
    await second.until((lines) => lines.includes("connected"));
    await second.kill();

    await using third = new Program(SENDER, url, folder);
    await third.end();

    await using client = await open({ carrier: "tcp", version: "1.2" });
    const arrived = texts(await drain(client, destination)).map(Number);
    const unique = [...new Set(arrived)];
    expect(kept.filter((number) => !unique.includes(number))).toEqual([]);
    expect(unique).toEqual([...unique].sort((a, b) => a - b)); // each came first in the order in which it was sent

    await using fourth = new Program(SENDER, url, folder);
    await fourth.end();
    expect(await drain(client, destination)).toEqual([]); // nothing is left
    await rm(folder, { recursive: true });
  });
});
