import { readFileSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, inject, test } from "vitest";

const { files, project } = inject("packed");
const installed = join(project, "node_modules", "stompede");
const root = fileURLToPath(new URL("../..", import.meta.url));

const entries = ["index", "protocol", "tcp", "broker", "broker-node", "store-file", "store-indexed-db"];
const platforms = [
  "websocket-node",
  "websocket-native",
  "websocket-web",
  "text-node",
  "text-web",
  "page-none",
  "page-web",
  "tcp-unavailable",
];
const code = [...entries, ...platforms].flatMap((name) => [`dist/${name}.js`, `dist/${name}.cjs`]);

interface Manifest {
  readonly dependencies: Record<string, string>;
  readonly exports: unknown;
  readonly imports: unknown;
  readonly scripts?: Record<string, string>;
}
const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as Manifest;

/** Every path in a map of conditions. */
function pathsIn(conditions: unknown): string[] {
  if (typeof conditions === "string") return [conditions.replace(/^\.\//, "")];
  return typeof conditions === "object" && conditions !== null ? Object.values(conditions).flatMap(pathsIn) : [];
}

describe("the packed package", () => {
  test("has what is meant, and nothing else", () => {
    const fixed = [
      ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`),
      ...["CHANGELOG.md", "LICENSE", "README.md", "package.json"],
      ...code.flatMap((path) => [path, `${path}.map`]),
      ...entries.flatMap((name) => [`dist/${name}.d.ts`, `dist/${name}.d.cts`]),
      ...["stompede.js", "stompede.min.js"].flatMap((name) => [`dist/browser/${name}`, `dist/browser/${name}.map`]),
    ];
    const chunks = files.filter((path) => path.startsWith("dist/chunks/"));
    expect(files.filter((path) => !chunks.includes(path)).sort()).toEqual(fixed.sort());
    for (const path of chunks)
      expect(path).toMatch(/^dist\/chunks\/[a-z-]+\d*\.(js|cjs|js\.map|cjs\.map|d\.ts|d\.cts)$/);
  });

  test("has every file that its exports and imports name", () => {
    const named = [...pathsIn(manifest.exports), ...pathsIn(manifest.imports)];
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((path) => !files.includes(path))).toEqual([]);
  });

  test("depends on two packages, at exact versions", () => {
    expect(manifest.dependencies).toEqual({ "isomorphic-ws": "5.0.0", ws: "8.23.0" });
  });

  test("runs nothing when it is installed", () => {
    expect(Object.keys(manifest.scripts ?? {})).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^(pre|post)?(install|prepare)$/)]),
    );
  });

  test("names no place of the machine it was built on", () => {
    for (const path of files) {
      const text = readFileSync(join(installed, path), "utf8");
      for (const place of [root, homedir()]) {
        if (place.length > 2)
          expect(text.includes(`${place.replace(/\/$/, "")}/`), `${path} names ${place}`).toBe(false);
      }
    }
  });

  test("has source maps that lead to the sources, with their text", () => {
    const maps = files.filter((path) => path.endsWith(".map"));
    for (const path of maps) {
      const map = JSON.parse(readFileSync(join(installed, path), "utf8")) as {
        sources: string[];
        sourcesContent: (string | null)[];
      };
      for (const source of map.sources) expect(source).toMatch(/^(\.\.\/)+(src|node_modules\/isomorphic-ws)\//);
      expect(map.sourcesContent.filter((text) => text === null)).toEqual([]);
    }
  });

  test("has no import left in the files for browsers", () => {
    const module = readFileSync(join(installed, "dist/browser/stompede.js"), "utf8");
    expect(module).not.toMatch(/^import\b|^\} from |\bimport\(|\brequire\(/m);
    expect(module).toMatch(/^export \{/m);
    expect(readFileSync(join(installed, "dist/browser/stompede.min.js"), "utf8")).toMatch(/^var stompede\s*=/);
  });
});
