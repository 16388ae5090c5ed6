import js from "@eslint/js";
import tseslint from "typescript-eslint";

const banned = [
  { selector: "ExportDefaultDeclaration", message: "Export a name." },
  { selector: "TSEnumDeclaration", message: "Use a union of strings, or a table `as const`." },
];

export default tseslint.config(
  { ignores: ["dist/", "coverage/", "test-results/", "e2e/package/consumer/"] },
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
      // Implementations of promise-returning interfaces that have nothing to wait for.
      "@typescript-eslint/require-await": "off",
      "no-control-regex": "off",
      "prefer-const": ["error", { destructuring: "all" }],
      eqeqeq: "error",
    },
  },
  {
    files: ["src/**/*.ts"],
    rules: { "no-restricted-syntax": ["error", ...banned] },
  },
  {
    files: ["src/**/*.ts"],
    ignores: ["src/cli/**"],
    rules: { "no-console": "error" },
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
    },
  },
  {
    files: ["**/*.mjs", "**/*.cjs", "**/*.js"],
    languageOptions: {
      globals: Object.fromEntries(
        [
          ...[
            "AbortController",
            "AbortSignal",
            "Buffer",
            "TextDecoder",
            "TextEncoder",
            "URL",
            "URLSearchParams",
            "WebSocket",
          ],
          ...[
            "clearInterval",
            "clearTimeout",
            "console",
            "crypto",
            "fetch",
            "performance",
            "process",
            "queueMicrotask",
          ],
          ...["setImmediate", "setInterval", "setTimeout", "structuredClone"],
        ].map((name) => [name, "readonly"]),
      ),
    },
    rules: { "no-unused-vars": ["error", { argsIgnorePattern: "^_" }] },
  },
  {
    // What runs in a page.
    files: ["demo/**/*.js", "demo/**/*.mjs"],
    languageOptions: {
      globals: Object.fromEntries(
        [
          "document",
          "window",
          "location",
          "navigator",
          "localStorage",
          "requestAnimationFrame",
          "uPlot",
          "ResizeObserver",
          "history",
          "matchMedia",
        ].map((name) => [name, "readonly"]),
      ),
    },
  },
);
