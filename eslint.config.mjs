import js from "@eslint/js";
import tseslint from "typescript-eslint";

const banned = [
  { selector: "ExportDefaultDeclaration", message: "Export a name." },
  { selector: "TSEnumDeclaration", message: "Use a union of strings, or a table `as const`." },
];

const PAGE_GLOBALS = [
  ...["cancelAnimationFrame", "document", "history", "localStorage", "location", "matchMedia", "requestAnimationFrame"],
  ...["Element", "HTMLElement", "MutationObserver", "Node", "ResizeObserver", "WebSocket", "uPlot", "window"],
];
const readonly = (names) => Object.fromEntries(names.map((name) => [name, "readonly"]));

export default tseslint.config(
  { ignores: ["dist/", "coverage/", "test-results/", "e2e/package/consumer/", "**/*.d.ts", "**/*.d.mts"] },
  js.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { project: ["./tsconfig.test.json"], tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      "@typescript-eslint/explicit-module-boundary-types": "error",
      "@typescript-eslint/no-import-type-side-effects": "off",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      // What users pass is checked at run time whatever its type says.
      "@typescript-eslint/no-unnecessary-condition": "off",
      // What a caller's signal or callback gives as a reason is passed on untouched, Error or not.
      "@typescript-eslint/prefer-promise-reject-errors": [
        "error",
        { allowThrowingAny: true, allowThrowingUnknown: true },
      ],
      "@typescript-eslint/only-throw-error": ["error", { allowThrowingAny: true, allowThrowingUnknown: true }],
      // `deferred<void>()` says more than `deferred()`.
      "@typescript-eslint/no-invalid-void-type": "off",
      "@typescript-eslint/no-unnecessary-type-arguments": "off",
      // Implementations of promise-returning interfaces that have nothing to wait for.
      "@typescript-eslint/require-await": "off",
      "no-control-regex": "off",
      "prefer-const": ["error", { destructuring: "all" }],
      eqeqeq: "error",
    },
  },
  {
    files: ["src/**/*.ts"],
    rules: { "no-restricted-syntax": ["error", ...banned], "no-console": "error" },
  },
  {
    // Sans-IO: time is told to it, and nothing is left to chance.
    files: ["src/protocol/**/*.ts"],
    rules: {
      "no-restricted-globals": [
        "error",
        ...["Date", "performance", "crypto", "process", "setTimeout", "setInterval", "queueMicrotask", "fetch"].map(
          (name) => ({
            name,
            message: "The protocol core is sans-IO.",
          }),
        ),
      ],
      "no-restricted-properties": [
        "error",
        { object: "Math", property: "random", message: "The protocol core leaves nothing to chance." },
        { object: "globalThis", property: "Date", message: "The protocol core knows no clock." },
      ],
    },
  },
  {
    // It takes two methods off Buffer's prototype, to call them with any Uint8Array.
    files: ["src/protocol/text.node.ts"],
    rules: { "@typescript-eslint/unbound-method": "off" },
  },
  {
    files: ["test/**/*.ts", "e2e/**/*.ts"],
    rules: {
      // Tests pass what the types forbid, read what they know to be there, and check that a call was made by reference.
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/no-empty-function": "off",
      "@typescript-eslint/unbound-method": "off",
      "@typescript-eslint/explicit-module-boundary-types": "off",
      "@typescript-eslint/no-confusing-void-expression": "off",
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/restrict-template-expressions": "off",
      "no-restricted-imports": [
        "error",
        {
          paths: [{ name: "vitest", importNames: ["it"], message: "Tests are written with `test`, as in Playwright." }],
        },
      ],
    },
  },
  {
    files: ["**/*.mjs", "**/*.cjs", "**/*.js"],
    languageOptions: { globals: readonly(Object.getOwnPropertyNames(globalThis)) }, // Node's
    rules: { "no-unused-vars": ["error", { argsIgnorePattern: "^_" }] },
  },
  {
    files: ["demo/page/**"],
    languageOptions: { globals: readonly(PAGE_GLOBALS) },
  },
);
