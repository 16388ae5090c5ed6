import { type Case, conform } from "./conform.js";

conform("unknownCommand", (at) => answerTo(at, "SHOUT\nreceipt:subject\n\n\0"));
conform("noColon", (at) => answerTo(at, `SEND\ndestination:${at.queue()}\nreceipt:subject\nnocolon\n\nbody\0`));
conform("undefinedEscape", (at) =>
  answerTo(at, `SEND\ndestination:${at.queue()}\nreceipt:subject\nx-escape:a\\tb\n\nbody\0`),
);
conform("wrongLength", (at) =>
  answerTo(at, `SEND\ndestination:${at.queue()}\nreceipt:subject\ncontent-length:2\n\nbody\0`),
);

async function answerTo(at: Case, octets: string) {
  await using peer = await at.raw();
  return await peer.answerTo(() => {
    peer.octets(octets);
  });
}
