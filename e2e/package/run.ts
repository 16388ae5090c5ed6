/** Runs programs, and has their output in the error when they fail. */
import { execFile } from "node:child_process";
import process from "node:process";

/** Run Node in `folder`; resolves with what it wrote to its standard output. */
export function runNode(args: readonly string[], folder: string): Promise<string> {
  return run(process.execPath, args, folder);
}

/** Run npm in `folder`; resolves with what it wrote to its standard output. */
export function runNpm(args: readonly string[], folder: string): Promise<string> {
  const npm = process.env["npm_execpath"];
  return npm === undefined ? run("npm", args, folder) : runNode([npm, ...args], folder);
}

function run(program: string, args: readonly string[], folder: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { cwd: folder, maxBuffer: 1 << 26 }, (error, output, errors) => {
      if (error === null) resolve(output);
      else reject(new Error(`${program} ${args.join(" ")}\n${output}${errors}`));
    });
  });
}
