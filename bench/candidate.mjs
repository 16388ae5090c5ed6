/**
 * One candidate of a row, in a process of its own, which does the work when its parent says so; see `candidate-process.mjs`.
 *
 *     candidate.mjs GROUP ROW NAME CORE      CORE: a build of the protocol core
 */
import process from "node:process";
import { decodeGroup } from "./decode.mjs";
import { encodeGroup } from "./encode.mjs";

const [groupName, key = "", name = "", core = ""] = process.argv.slice(2);
const group = groupName === "decode" ? decodeGroup : encodeGroup;
const { run, ...about } = await group.prepare(key, name, await import(core));
process.on("message", async (times) => process.send?.(await run(Number(times))));
process.send?.(about);
