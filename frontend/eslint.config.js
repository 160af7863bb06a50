import { defineConfig } from "eslint/config";
import hooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

import { early, sentences } from "./scripts/sentences.js";

/** Imports go one way: app, pages, features, {stores, components}, api, words, protocol. Features never import each other. */
const LAYERS = {
  protocol: ["words", "api", "stores", "components", "features", "pages", "app"],
  words: ["api", "stores", "components", "features", "pages", "app"],
  api: ["stores", "components", "features", "pages", "app"],
  stores: ["components", "features", "pages", "app"],
  components: ["stores", "features", "pages", "app"],
  features: ["pages", "app"],
  pages: ["app"],
};

export default defineConfig(
  { ignores: ["src/api/schema.d.ts", "public/**"] },
  tseslint.configs.strictTypeChecked,
  { languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } } },
  {
    files: ["src/**", "e2e/growing.tsx"],
    ignores: ["src/words/**", "src/protocol/**"],
    ...hooks.configs.flat["recommended-latest"],
  }, // React's compiler reads each file
  {
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
    },
  },
  { files: ["src/**"], ignores: ["src/words/**"], rules: { "no-restricted-syntax": ["error", ...sentences, ...early] } },
  ...Object.entries(LAYERS).map(([layer, above]) => {
    const patterns = [{ group: above.map((name) => `**/${name}/**`) }];
    if (layer === "features") patterns.push({ regex: "^\\.\\./[a-z]" }); // another feature
    return { files: [`src/${layer}/**`], rules: { "no-restricted-imports": ["error", { patterns }] } };
  }),
);
