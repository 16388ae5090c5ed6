/** Who imports whom in a tree of TypeScript sources, types included, and which rules of the layers that breaks. */
import { posix } from "node:path";
import ts from "typescript";

/** The sources by their paths below `src/`: `client/client.ts`. */
export type SourceTree = ReadonlyMap<string, string>;

/** Where the imports that package.json's "imports" resolve by platform may lead, and who may write them. */
const PLATFORM_IMPORTS: Readonly<Record<string, { readonly files: readonly string[]; readonly by: RegExp }>> = {
  "#text": { files: ["protocol/text.node.ts", "protocol/text.web.ts"], by: /^protocol\// },
  "#websocket": {
    files: [
      "adapters/websocket-platform.node.ts",
      "adapters/websocket-platform.native.ts",
      "adapters/websocket-platform.web.ts",
      "adapters/websocket-platform.isomorphic.ts",
    ],
    by: /^adapters\/websocket\.ts$/,
  },
  "#page": { files: ["internal/page.none.ts", "internal/page.web.ts"], by: /^client\// },
  "#tcp": { files: ["adapters/tcp.ts", "adapters/tcp.unavailable.ts"], by: /^connect\.ts$/ },
};

/** The layers, told by path; the first that fits counts. `may` is what a file of the layer may import besides its own layer. */
const LAYERS: readonly { readonly name: string; readonly files: RegExp; readonly may: RegExp }[] = [
  { name: "the foundations", files: /^(errors|transport|store)\.ts$/, may: /^$/ },
  { name: "the protocol core", files: /^protocol\//, may: /^errors\.ts$/ },
  { name: "internal helpers", files: /^internal\//, may: /^errors\.ts$/ },
  { name: "an adapter", files: /^adapters\//, may: /^((errors|transport)\.ts|internal\/.*)$/ },
  { name: "the client", files: /^client\//, may: /^((errors|transport|store)\.ts|(protocol|internal)\/.*)$/ },
  {
    name: "the broker's server",
    files: /^broker\/node(-[a-z-]+)?\.ts$/,
    may: /^((errors|transport)\.ts|(protocol|internal|adapters|broker)\/.*)$/,
  },
  {
    name: "the broker",
    files: /^broker\//,
    may: /^((errors|transport)\.ts|(protocol|internal)\/.*|adapters\/memory\.ts)$/,
  },
  { name: "a store", files: /^stores\//, may: /^((errors|store)\.ts|internal\/.*)$/ },
  {
    name: "where clients meet adapters",
    files: /^connect\.ts$/,
    may: /^((errors|transport)\.ts|(protocol|internal|adapters|client)\/.*)$/,
  },
  {
    name: "the entry",
    files: /^index\.ts$/,
    may: /^((connect|errors|transport|store)\.ts|(protocol|adapters|client)\/.*)$/,
  },
];

/** The chapters of the client, from the top down: the files of each may import those of the chapters below it, and of their own. */
const CHAPTERS = [
  "requests",
  "transactions",
  "subscribing",
  "sending",
  "reconnecting",
  "connection",
  "observing",
  "options",
  "messages",
] as const;

/** What adapters share: not adapters themselves. */
const SHARED_BY_ADAPTERS = /^adapters\/(tls-options|secure-context)\.ts$/;

/** Who may import what is not of the project. */
const PACKAGES: readonly { readonly specifier: RegExp; readonly by: RegExp }[] = [
  {
    specifier: /^node:(net|tls)$/,
    by: /^(adapters\/(tcp(-[a-z-]+)?|secure-context)\.ts|broker\/node(-[a-z-]+)?\.ts)$/,
  },
  { specifier: /^node:buffer$/, by: /^(protocol\/text\.node\.ts|broker\/node(-[a-z-]+)?\.ts)$/ },
  { specifier: /^node:fs(\/promises)?$/, by: /^(stores\/file(-[a-z-]+)?\.ts|broker\/node(-[a-z-]+)?\.ts)$/ },
  {
    specifier: /^node:(path|process)$/,
    by: /^(stores\/file(-[a-z-]+)?\.ts|adapters\/websocket-platform\.node\.ts|broker\/node(-[a-z-]+)?\.ts)$/,
  },
  {
    specifier: /^node:/,
    by: /^(adapters\/websocket-platform\.node\.ts|broker\/node(-[a-z-]+)?\.ts)$/,
  },
  { specifier: /^isomorphic-ws$/, by: /^adapters\/websocket-platform\.(node|isomorphic)\.ts$/ },
  { specifier: /^ws$/, by: /^(adapters\/websocket-platform\.node\.ts|broker\/node(-[a-z-]+)?\.ts)$/ },
];

/** What every way of naming another module in a file names: imports, re-exports, `import()`, `import("…").T`, `require`. */
export function importsOf(path: string, text: string): string[] {
  const specifiers: string[] = [];
  const take = (node: ts.Node | undefined): void => {
    if (node === undefined) return;
    if (ts.isLiteralTypeNode(node)) take(node.literal);
    else if (ts.isStringLiteralLike(node)) specifiers.push(node.text);
    else specifiers.push(`(${node.getText()})`); // computed: no rule can allow it
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) take(node.moduleSpecifier);
    else if (ts.isImportTypeNode(node)) take(node.argument);
    else if (ts.isExternalModuleReference(node)) take(node.expression);
    else if (ts.isCallExpression(node) && isLoading(node.expression)) take(node.arguments[0]);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true));
  return specifiers;
}

function isLoading(callee: ts.Expression): boolean {
  return callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === "require");
}

/** Every breach of the layer rules in `tree`, as a sentence; none if it keeps them. */
export function layerBreaches(tree: SourceTree): string[] {
  const breaches: string[] = [];
  for (const [path, text] of tree) {
    for (const specifier of importsOf(path, text)) {
      const breach = breachOf(path, specifier, tree);
      if (breach !== undefined) breaches.push(`${path} imports ${specifier}: ${breach}`);
    }
  }
  return breaches;
}

function breachOf(path: string, specifier: string, tree: SourceTree): string | undefined {
  const platform = PLATFORM_IMPORTS[specifier];
  if (platform) return platform.by.test(path) ? undefined : "that is not for it";
  if (!specifier.startsWith(".")) {
    const rule = PACKAGES.find((candidate) => candidate.specifier.test(specifier));
    if (rule === undefined) return "no file may import this";
    return rule.by.test(path) ? undefined : "that is not for it";
  }
  const target = targetOf(path, specifier);
  if (!tree.has(target)) return "there is no such file";
  const layer = LAYERS.find(({ files }) => files.test(path));
  if (layer === undefined) return "its file belongs to no layer";
  if (layer.may.test(target)) return undefined;
  if (!layer.files.test(target)) return `${layer.name} may not`;
  if (layer.name === "the client") return chapterBreach(path, target);
  if (layer.name === "an adapter" && !SHARED_BY_ADAPTERS.test(target) && family(path) !== family(target)) {
    return "adapters do not know each other";
  }
  return layer.name === "the foundations" ? "the foundations import nothing" : undefined;
}

/** What is wrong with an import inside the client. */
function chapterBreach(path: string, target: string): string | undefined {
  const from = floorOf(path);
  const to = floorOf(target);
  if (from === undefined || to === undefined) return "a file of the client belongs to no chapter";
  return from < to || (from === to && from !== TOP) ? undefined : `${nameOf(from)} does not stand above ${nameOf(to)}`;
}

/** The floor of the client's public face, above all chapters. */
const TOP = -1;

/** How far down in the client a file stands; `undefined` if it is in no chapter. */
function floorOf(path: string): number | undefined {
  if (path === "client/client.ts") return TOP;
  const floor = CHAPTERS.findIndex((chapter) => path.startsWith(`client/${chapter}/`));
  return floor < 0 ? undefined : floor;
}

function nameOf(floor: number): string {
  return CHAPTERS[floor] ?? "client.ts";
}

/** `adapters/tcp-target.ts` and `adapters/tcp.unavailable.ts` belong to `tcp`. */
function family(path: string): string {
  return posix.basename(path).split(/[-.]/)[0] ?? "";
}

function targetOf(path: string, specifier: string): string {
  return posix.join(posix.dirname(path), specifier).replace(/\.js$/, ".ts");
}

/** Every group of files in `tree` that import each other in a circle, types included. */
export function importCycles(tree: SourceTree): string[] {
  const targets = (path: string): string[] =>
    importsOf(path, tree.get(path) ?? "").flatMap((specifier) =>
      specifier.startsWith(".") ? [targetOf(path, specifier)] : (PLATFORM_IMPORTS[specifier]?.files ?? []),
    );
  const cycles: string[] = [];
  const finished = new Set<string>();
  const walk = (path: string, way: readonly string[]): void => {
    const start = way.indexOf(path);
    if (start >= 0) cycles.push([...way.slice(start), path].join(" → "));
    if (start >= 0 || finished.has(path)) return;
    for (const target of targets(path)) walk(target, [...way, path]);
    finished.add(path);
  };
  for (const path of tree.keys()) walk(path, []);
  return cycles;
}

/** The files of `tree` with more than `limit` lines, and how many they have. What only re-exports may be as long as it must. */
export function longFiles(tree: SourceTree, limit: number): string[] {
  return [...tree].flatMap(([path, text]) => {
    const lines = text.trimEnd().split("\n").length;
    return lines <= limit || onlyExports(path, text) ? [] : [`${path} has ${lines} lines, limit is ${limit}`];
  });
}

/** Whether a file consists of `export … from` alone. */
export function onlyExports(path: string, text: string): boolean {
  return ts
    .createSourceFile(path, text, ts.ScriptTarget.Latest, true)
    .statements.every((statement) => ts.isExportDeclaration(statement) && statement.moduleSpecifier !== undefined);
}
