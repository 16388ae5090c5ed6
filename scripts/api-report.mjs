/**
 * The public API as the built declarations have it: what each entry exports, without comments.
 *
 *     npm run api      writes it to api/, one file an entry; a test compares that with the build
 */
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import ts from "typescript";

const root = new URL("../", import.meta.url);

/** @typedef {{ entry: string, file: string }} Entry */
/** @typedef {{ entry: string, name: string, text: string, undocumented: string[], forgotten: string[] }} Exported */

/** The entries of the package with declarations, by package.json. @returns {Entry[]} */
export function entriesOf() {
  const { exports } = JSON.parse(readFileSync(new URL("package.json", root), "utf8"));
  return Object.entries(exports).flatMap(([entry, conditions]) => {
    const types = conditions?.import?.types;
    return types === undefined ? [] : [{ entry, file: fileURLToPath(new URL(types, root)) }];
  });
}

/** Everything that the entries export. @returns {Exported[]} */
export function exportedOf(/** @type {readonly Entry[]} */ entries) {
  const program = ts.createProgram(
    entries.map(({ file }) => file),
    {
      target: ts.ScriptTarget.ES2022,
      lib: ["lib.es2022.d.ts", "lib.esnext.disposable.d.ts", "lib.dom.d.ts"],
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      types: ["node"],
      strict: true,
    },
  );
  const checker = program.getTypeChecker();
  return entries.flatMap(({ entry, file }) => {
    const source = program.getSourceFile(file);
    const symbol = source && checker.getSymbolAtLocation(source);
    if (symbol === undefined) throw new Error(`${file} is no module: build first`);
    const exported = checker
      .getExportsOfModule(symbol)
      .map((one) => ({ name: one.name, symbol: resolved(checker, one) }));
    const symbols = new Set(exported.map((one) => one.symbol));
    return exported
      .sort((one, other) => (one.name < other.name ? -1 : 1))
      .map(({ name, symbol: one }) => ({ entry, name, ...described(checker, one, name, symbols) }));
  });
}

/** @param {ts.TypeChecker} checker @param {ts.Symbol} symbol */
function resolved(checker, symbol) {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

const printer = ts.createPrinter({ removeComments: true });

/** @param {ts.TypeChecker} checker @param {ts.Symbol} symbol @param {string} name @param {Set<ts.Symbol>} exported */
function described(checker, symbol, name, exported) {
  const declarations = (symbol.declarations ?? []).map((one) =>
    ts.isVariableDeclaration(one) ? one.parent.parent : one,
  );
  const undocumented = symbol.getDocumentationComment(checker).length === 0 ? [name] : [];
  /** @type {Set<string>} */
  const forgotten = new Set();
  const text = declarations.map((declaration) => {
    const kept = withoutHidden(declaration);
    for (const member of membersOf(kept)) {
      if (ts.isConstructorDeclaration(member) || (member.name !== undefined && ts.isComputedPropertyName(member.name)))
        continue;
      const documented = ts.getJSDocCommentsAndTags(member).length > 0;
      const before = membersOf(kept).some(
        (other) =>
          other !== member &&
          other.name?.getText() === member.name?.getText() &&
          ts.getJSDocCommentsAndTags(other).length > 0,
      );
      if (!documented && !before) undocumented.push(`${name}.${member.name?.getText()}`);
    }
    visitReferences(checker, kept, (one) => {
      const isOurs = one.declarations?.some((where) => where.getSourceFile().fileName.includes("/dist/"));
      const isParameter = (one.flags & ts.SymbolFlags.TypeParameter) !== 0;
      if (isOurs && !isParameter && !exported.has(one) && one.name !== "default") forgotten.add(one.name);
    });
    return printer
      .printNode(ts.EmitHint.Unspecified, kept, declaration.getSourceFile())
      .replace(/^(export )?(declare )?/, "");
  });
  return { text: [...new Set(text)].join("\n"), undocumented, forgotten: [...forgotten].sort() };
}

/** @param {ts.Node} node @returns {readonly (ts.ClassElement | ts.TypeElement)[]} */
function membersOf(node) {
  return ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node) ? [...node.members] : [];
}

/** A declaration without what is private or marked as internal. @param {ts.Declaration | ts.VariableStatement} node */
function withoutHidden(node) {
  if (ts.isClassDeclaration(node)) {
    const members = node.members.filter((member) => !isHidden(member));
    return ts.factory.updateClassDeclaration(
      node,
      node.modifiers,
      node.name,
      node.typeParameters,
      node.heritageClauses,
      members,
    );
  }
  if (ts.isInterfaceDeclaration(node)) {
    const members = node.members.filter((member) => !isHidden(member));
    return ts.factory.updateInterfaceDeclaration(
      node,
      node.modifiers,
      node.name,
      node.typeParameters,
      node.heritageClauses,
      members,
    );
  }
  return node;
}

/** @param {ts.ClassElement | ts.TypeElement} member */
function isHidden(member) {
  const isPrivate = member.name !== undefined && ts.isPrivateIdentifier(member.name);
  return isPrivate || ts.getJSDocTags(member).some((tag) => tag.tagName.text === "internal");
}

/** @param {ts.TypeChecker} checker @param {ts.Node} node @param {(symbol: ts.Symbol) => void} found */
function visitReferences(checker, node, found) {
  const visit = (/** @type {ts.Node} */ one) => {
    const name = ts.isTypeReferenceNode(one)
      ? one.typeName
      : ts.isExpressionWithTypeArguments(one)
        ? one.expression
        : undefined;
    const symbol = name === undefined ? undefined : checker.getSymbolAtLocation(name);
    if (symbol !== undefined) found(resolved(checker, symbol));
    ts.forEachChild(one, visit);
  };
  visit(node);
}

/** The reports, by the file in api/ that each belongs into. @returns {Map<string, string>} */
export function reportsOf(/** @type {readonly Exported[]} */ exported) {
  const reports = new Map();
  for (const { entry, text } of exported) {
    const file = `${entry === "." ? "stompede" : `stompede-${entry.slice(2).replaceAll("/", "-")}`}.md`;
    const title = entry === "." ? "stompede" : `stompede/${entry.slice(2)}`;
    const before = reports.get(file) ?? `# ${title}\n\nMade by \`npm run api\`: what the entry exports.\n`;
    reports.set(file, `${before}\n\`\`\`ts\n${text}\n\`\`\`\n`);
  }
  return reports;
}

/** The reports that are written down. @returns {Map<string, string>} */
export function writtenReports() {
  const folder = new URL("api/", root);
  return new Map(readdirSync(folder).map((name) => [name, readFileSync(new URL(name, folder), "utf8")]));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const folder = new URL("api/", root);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (const [name, text] of reportsOf(exportedOf(entriesOf()))) writeFileSync(new URL(name, folder), text);
}
