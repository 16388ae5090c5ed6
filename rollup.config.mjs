/**
 * What is built:
 *
 *     dist/*.js, dist/*.cjs, dist/chunks/     the entries of package.json's "exports" and "imports", for Node and for bundlers
 *     dist/*.d.ts, dist/*.d.cts               their types
 *     dist/browser/stompede.js                one ES module for browsers, without an import in it
 *     dist/browser/stompede.min.js            the global `stompede`, for a script tag
 *
 * `--environment ONLY:js` leaves the types out, which take most of the time; `ONLY:types` builds nothing else.
 */
import { readFileSync, rmSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import terser from "@rollup/plugin-terser";
import dts from "rollup-plugin-dts";
import esbuild from "rollup-plugin-esbuild";

const source = (path) => fileURLToPath(new URL(`src/${path}`, import.meta.url));

// One build of all entries per format, so that they share their modules: an error is the same class in all of them.
const publicEntries = {
  index: source("index.ts"),
  protocol: source("protocol/index.ts"),
  tcp: source("adapters/tcp.ts"),
  broker: source("broker/index.ts"),
  "broker-node": source("broker/node.ts"),
  "store-file": source("stores/file.ts"),
  "store-indexed-db": source("stores/indexed-db.ts"),
};
const platformEntries = {
  "websocket-node": source("adapters/websocket-platform.node.ts"),
  "websocket-native": source("adapters/websocket-platform.native.ts"),
  "websocket-web": source("adapters/websocket-platform.web.ts"),
  "text-node": source("protocol/text.node.ts"),
  "text-web": source("protocol/text.web.ts"),
  "page-none": source("internal/page.none.ts"),
  "page-web": source("internal/page.web.ts"),
  "tcp-unavailable": source("adapters/tcp.unavailable.ts"),
};

const external = [/^#/, /^node:/, "ws", "isomorphic-ws"];
const compile = () => esbuild({ target: "es2022", tsconfig: false });

/** Take the browser's side of package.json's "imports" into the bundle, with isomorphic-ws. */
const browserImports = {
  name: "browser-imports",
  resolveId(specifier) {
    switch (specifier) {
      case "#websocket":
        return source("adapters/websocket-platform.isomorphic.ts");
      case "#text":
        return source("protocol/text.web.ts");
      case "#page":
        return source("internal/page.web.ts");
      case "#tcp":
        return source("adapters/tcp.unavailable.ts");
      default:
        return undefined;
    }
  },
};

const library = {
  input: { ...publicEntries, ...platformEntries },
  external,
  plugins: [compile()],
  output: [
    {
      dir: "dist",
      format: "es",
      sourcemap: true,
      entryFileNames: "[name].js",
      chunkFileNames: "chunks/[name].js",
    },
    {
      dir: "dist",
      format: "cjs",
      sourcemap: true,
      entryFileNames: "[name].cjs",
      chunkFileNames: "chunks/[name].cjs",
      exports: "named",
      // isomorphic-ws is CommonJS in Node and an ES module in browsers: its default export is looked up at run time.
      interop: "auto",
    },
  ],
};

const browser = {
  input: source("index.ts"),
  plugins: [browserImports, nodeResolve({ browser: true }), compile()],
  output: [
    { file: "dist/browser/stompede.js", format: "es", sourcemap: true },
    {
      file: "dist/browser/stompede.min.js",
      format: "iife",
      name: "stompede",
      sourcemap: true,
      plugins: [terser({ ecma: 2020, keep_classnames: true })],
    },
  ],
};

/**
 * Types of Node that appear in the public types (TLS options, for one) must not be an error for who has no @types/node:
 * a browser's project. There they are `any`.
 */
const nodeTypesOptional = {
  name: "node-types-optional",
  renderChunk: (code) =>
    code
      .replaceAll(/^import '[^']+';\n/gm, "")
      .replaceAll(/^import (?:type )?\{[^}]*\} from 'node:[^']+';$/gm, "// @ts-ignore: `any` without @types/node\n$&"),
};

/**
 * What an entry exports as a type alone (`export { type Frame }`, where Frame is a class) stays one: bundled, its declaration
 * would promise a value that the module does not have.
 */
const typesStayTypes = {
  name: "types-stay-types",
  renderChunk(code, { facadeModuleId }) {
    if (facadeModuleId === null) return undefined;
    const lists = readFileSync(facadeModuleId, "utf8").matchAll(/^export (type )?\{([^}]*)\}/gm);
    const types = new Set();
    for (const [, all, list] of lists) {
      for (const one of list.split(",")) {
        if (all || /^\s*type\b/.test(one)) types.add(one.match(/\w+(?=\s*$)/)?.[0]);
      }
    }
    return code.replaceAll(/^export \{([^}]*)\}/gm, (_, list) => {
      const kept = list
        .split(",")
        .map((one) => (types.has(one.match(/\w+(?=\s*$)/)?.[0]) ? one.replace(/\S/, "type $&") : one));
      return `export {${kept.join(",")}}`;
    });
  },
};

const types = {
  input: publicEntries,
  external,
  plugins: [dts({ tsconfig: "./tsconfig.json" }), typesStayTypes, nodeTypesOptional],
  output: ["ts", "cts"].map((extension) => ({
    dir: "dist",
    format: "es",
    entryFileNames: `[name].d.${extension}`,
    chunkFileNames: `chunks/[name].d.${extension}`,
    // `await using` needs Symbol.asyncDispose, which is in no dated library of TypeScript's.
    banner: '/// <reference lib="esnext.disposable" />',
  })),
};

if (process.env.ONLY === undefined) rmSync(new URL("dist", import.meta.url), { recursive: true, force: true });

const builds = { js: [library, browser], types: [types] };
export default builds[process.env.ONLY] ?? [...builds.js, ...builds.types];
