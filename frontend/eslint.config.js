import { defineConfig } from "eslint/config";
import hooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

/** Imports go one way: app, pages, features, {stores, components}, api, protocol. Features never import each other. */
const LAYERS = {
  protocol: ["api", "stores", "components", "features", "pages", "app"],
  api: ["stores", "components", "features", "pages", "app"],
  stores: ["components", "features", "pages", "app"],
  components: ["stores", "features", "pages", "app"],
  features: ["pages", "app"],
  pages: ["app"],
};

export default defineConfig(
  { ignores: ["src/api/schema.d.ts"] },
  tseslint.configs.strictTypeChecked,
  { languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } } },
  hooks.configs.flat["recommended-latest"],
  {
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
    },
  },
  { files: ["src/features/**"], rules: { "no-restricted-imports": ["error", { patterns: [...LAYERS.features.map((name) => `**/${name}/**`), { regex: "^\\.\\./[a-z]" }] }] } },
  ...Object.entries(LAYERS).filter(([layer]) => layer !== "features").map(([layer, above]) => ({
    files: [`src/${layer}/**`],
    rules: { "no-restricted-imports": ["error", { patterns: above.map((name) => `**/${name}/**`) }] },
  })),
);
