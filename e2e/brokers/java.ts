/** What brokers written in Java have in common: archives that are checked before they run, classes, keys, a process. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { access, mkdir, mkdtemp, readFile, readdir, rename, rm } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { BrokerAddress } from "./broker.js";
import { KeptBroker } from "./kept-broker.js";
import { installPackages } from "./packages.js";

/** Where archives and classes are kept from run to run. */
const CACHE = fileURLToPath(new URL("../../node_modules/.cache/brokers/", import.meta.url));
const MAVEN_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1";
const KEEPER = fileURLToPath(new URL("keep-server.sh", import.meta.url));

/** For a broker that lives as long as a few tests: it starts soon, and takes little. */
export const JAVA_OPTIONS = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true"];

/** A server of our own that stands on archives of others. */
export interface Program {
  /** The folder that has the source, and `pom.xml` and `jars.sha256` unless `lib` is given. */
  readonly folder: string;
  /** The file in it that is compiled. */
  readonly source: string;
  /** The folder of archives to stand on. @default those that pom.xml names */
  readonly lib?: string;
}

/** Make sure that a program is there, compiled. Resolves with what is wrong where it cannot be had. */
export async function ensureProgram(program: Program): Promise<string | undefined> {
  const folder = await programFolder(program);
  const { lib } = program;
  return made(folder, async (fresh) => {
    if (lib === undefined) {
      const jars = path.join(fresh, "lib");
      const pom = path.join(program.folder, "pom.xml");
      await maven(
        "-f",
        pom,
        `${MAVEN_PLUGIN}:copy-dependencies`,
        `-DoutputDirectory=${jars}`,
        "-DincludeScope=runtime",
      );
      await checkJars(jars, path.join(program.folder, "jars.sha256"));
    }
    const classPath = `${lib ?? path.join(fresh, "lib")}/*`;
    const source = path.join(program.folder, program.source);
    await run("javac", ["-parameters", "-proc:none", "-cp", classPath, "-d", path.join(fresh, "classes"), source]);
  });
}

/** What follows `-cp`. */
export async function classPathOf(program: Program): Promise<string> {
  const folder = await programFolder(program);
  return `${path.join(folder, "classes")}:${program.lib ?? path.join(folder, "lib")}/*`;
}

/** The name of the one archive of a program that begins so, without that and its ending: the version. */
export async function versionOf(program: Program, beginning: string): Promise<string> {
  const jars = await readdir(program.lib ?? path.join(await programFolder(program), "lib"));
  const jar = jars.find((name) => name.startsWith(beginning) && name.endsWith(".jar"));
  return jar?.slice(beginning.length, -".jar".length) ?? "unknown";
}

/** Another folder once anything in it would be another. */
async function programFolder({ folder, source, lib }: Program): Promise<string> {
  const hash = createHash("sha256").update(lib ?? "");
  for (const name of [source, ...(lib === undefined ? ["pom.xml", "jars.sha256"] : [])]) {
    hash.update(await readFile(path.join(folder, name)));
  }
  return path.join(CACHE, `${path.basename(folder)}-${hash.digest("hex").slice(0, 16)}`);
}

/** A packed distribution: what it is called in Maven's repositories, and what it must be, octet by octet. */
export interface Distribution {
  /** `group:artifact:version:type:classifier`. */
  readonly artifact: string;
  readonly sha512: string;
}

/** Make sure that a distribution is there, unpacked. Resolves with what is wrong where it cannot be had. */
export async function ensureDistribution(distribution: Distribution): Promise<string | undefined> {
  return made(distributionFolder(distribution), async (fresh) => {
    await maven(`${MAVEN_PLUGIN}:copy`, `-Dartifact=${distribution.artifact}`, `-DoutputDirectory=${fresh}/packed`);
    const [name = ""] = await readdir(path.join(fresh, "packed"));
    const archive = path.join(fresh, "packed", name);
    const sum = createHash("sha512").update(await readFile(archive));
    if (sum.digest("hex") !== distribution.sha512) throw new Error(`${name} is not the archive that is expected`);
    await run("tar", ["-xzf", archive, "-C", fresh, "--strip-components=1"]);
    await rm(path.join(fresh, "packed"), { recursive: true });
  });
}

/** Where it is unpacked. */
export function distributionFolder({ artifact, sha512 }: Distribution): string {
  return path.join(CACHE, `${artifact.split(":")[1] ?? ""}-${sha512.slice(0, 16)}`);
}

/** Make a folder unless it is there: whole, or not at all. */
async function made(folder: string, fill: (fresh: string) => Promise<void>): Promise<string | undefined> {
  if (await exists(folder)) return undefined;
  const problem = await ensureTools();
  if (problem !== undefined) return problem;
  await mkdir(CACHE, { recursive: true });
  const fresh = await mkdtemp(path.join(CACHE, "new-"));
  try {
    await fill(fresh);
    // Another process may have been faster.
    await rename(fresh, folder).catch(async (error: unknown) => {
      if (!(await exists(folder))) throw error;
    });
    return undefined;
  } catch (error) {
    return `it could not be built: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

async function ensureTools(): Promise<string | undefined> {
  const packages: string[] = [];
  if (!(await runs("javac", "-version"))) packages.push("openjdk-17-jdk-headless");
  if (!(await runs("mvn", "-version"))) packages.push("maven");
  return packages.length === 0 ? undefined : installPackages(...packages);
}

/** One at a time: Maven's own store of archives takes no two that write. */
async function maven(...args: string[]): Promise<void> {
  await run("flock", [path.join(CACHE, "lock"), "mvn", "-B", "-q", ...args]);
}

/** The archives are those of the list, octet by octet, and no others. */
async function checkJars(lib: string, list: string): Promise<void> {
  const lines = (await readFile(list, "utf8")).trim().split("\n");
  const expected = new Map(lines.map((line) => [line.slice(66), line.slice(0, 64)]));
  const found = await readdir(lib);
  for (const jar of found) {
    const sum = createHash("sha256").update(await readFile(path.join(lib, jar)));
    if (sum.digest("hex") !== expected.get(jar)) throw new Error(`${jar} is not the archive that is expected`);
  }
  const missing = [...expected.keys()].filter((jar) => !found.includes(jar));
  if (missing.length > 0) throw new Error(`archives are missing: ${missing.join(", ")}`);
}

/** The password of key stores: they are made anew for each broker, and hold no secret. */
export const STORE_PASSWORD = "changeit";

/** Make a key and its certificate, in a store for Java. Resolves with the certificate, PEM: it is its own authority. */
export async function makeKeyStore(file: string): Promise<string> {
  const store = ["-alias", "stomp", "-storetype", "PKCS12", "-keystore", file, "-storepass", STORE_PASSWORD];
  const names = ["-dname", "CN=localhost", "-ext", "SAN=dns:localhost,ip:127.0.0.1", "-ext", "bc:critical=ca:true"];
  await run("keytool", [
    "-genkeypair",
    ...store,
    "-keyalg",
    "EC",
    "-groupname",
    "secp256r1",
    "-validity",
    "30",
    ...names,
  ]);
  return run("keytool", ["-exportcert", "-rfc", ...store]);
}

/** A broker that Java runs. */
export class JavaBroker<A extends BrokerAddress = BrokerAddress> extends KeptBroker<A> {
  readonly #isReady: (log: string) => Promise<boolean>;

  private constructor(address: A, keeper: ChildProcess, isReady: (log: string) => Promise<boolean>) {
    super(address, keeper);
    this.#isReady = isReady;
  }

  /** Start one: `java` with `args`. Resolves once `isReady`, which is given what it has written, says so. */
  static async start<A extends BrokerAddress>(
    address: A,
    args: readonly string[],
    isReady: (log: string) => Promise<boolean>,
  ): Promise<JavaBroker<A>> {
    const options = [...JAVA_OPTIONS, `-Djava.io.tmpdir=${address.base}`];
    const keeper = spawn(KEEPER, [address.base, "java", ...options, ...args], {
      stdio: ["pipe", "ignore", "inherit"],
      detached: true, // Ctrl-C is for the tests; the keeper sees that they have ended
    });
    const broker = new JavaBroker(address, keeper, isReady);
    try {
      await broker.ready();
      return broker;
    } catch (error) {
      const log = await broker.log();
      await broker.stop();
      throw new Error(`it did not start: ${String(error)}\n${log.slice(-2000)}`, { cause: error });
    }
  }

  protected override async isReady(): Promise<boolean> {
    const log = await this.log();
    if (await this.#isReady(log)) return true;
    if (/Exception in thread "main"|APPLICATION FAILED|Application run failed/.test(log)) throw new Error("it failed");
    return false;
  }

  /** What it has written since its start. */
  log(): Promise<string> {
    return readFile(path.join(this.address.base, "console.log"), "utf8").catch(() => "");
  }

  override async restart(): Promise<void> {
    await rm(path.join(this.address.base, "console.log"), { force: true }); // what it said before is no sign of life
    await super.restart();
  }
}

async function run(command: string, args: readonly string[]): Promise<string> {
  try {
    return (await promisify(execFile)(command, args, { maxBuffer: 16 * 1024 * 1024 })).stdout;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command} failed: ${`${stdout}\n${stderr}`.trim().slice(-1000)}`, { cause: error });
  }
}

function runs(command: string, ...args: string[]): Promise<boolean> {
  return promisify(execFile)(command, args).then(
    () => true,
    () => false,
  );
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
