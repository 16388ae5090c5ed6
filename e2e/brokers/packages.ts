/** Installs Debian packages where that can be done without asking anybody. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, rm, writeFile } from "node:fs/promises";
import process from "node:process";

const POLICY = "/usr/sbin/policy-rc.d";

/** Install packages, starting no service. Resolves with what is wrong where that cannot be done. */
export async function installPackages(...names: string[]): Promise<string | undefined> {
  const missing = names.join(" ");
  if (process.getuid?.() !== 0 || !(await exists("/etc/debian_version"))) {
    return `${missing} is not installed, and only root on Debian could install it here`;
  }
  console.log(`installing ${missing}`);
  // Debian starts a packaged service on its installation, unless this file says no (101).
  const made = !(await exists(POLICY));
  if (made) await writeFile(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    await aptGet("update"); // if that fails, the lists that are there may do
    const code = await aptGet("install", "-y", "--no-install-recommends", ...names);
    return code === 0 ? undefined : `apt-get could not install ${missing} (it ended with ${String(code)})`;
  } finally {
    if (made) await rm(POLICY, { force: true });
  }
}

async function aptGet(...args: string[]): Promise<number | null> {
  const child = spawn("apt-get", ["-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3", ...args], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
  const [code] = (await once(child, "exit")) as [number | null];
  return code;
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
