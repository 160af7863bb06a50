import { defineConfig } from "eslint/config";
import hooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

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

/** What somebody may read or hear stands in `src/words/`: no text between tags, in an attribute that is shown, in a notice or in a title. */
const LETTERS = "/\\p{L}{2}/u";
const TEXT = `:matches(Literal[value=${LETTERS}], TemplateElement[value.cooked=${LETTERS}])`;
/** The places where a text may be chosen among others. */
const CHOICE = ":matches(ConditionalExpression, LogicalExpression, TemplateLiteral, ArrayExpression)";
const SHOWN_ATTRIBUTES =
  "/^(aria-(label|description|placeholder|roledescription|valuetext)|title|placeholder|alt|label|text|does|what|hint|heads|submit|unit)$/";
const SHOWN_PROPERTIES = "/^(title|label|placeholder|problem|message)$/";
const sentences = [
  `JSXText[value=${LETTERS}]`,
  ...["", `> ${CHOICE} `, `> ${CHOICE} > ${CHOICE} `].flatMap((inside) => [
    `:matches(JSXElement, JSXFragment) > JSXExpressionContainer ${inside}> ${TEXT}`,
    `JSXAttribute[name.name=${SHOWN_ATTRIBUTES}] > JSXExpressionContainer ${inside}> ${TEXT}`,
    `Property[key.name=${SHOWN_PROPERTIES}] ${inside}> ${TEXT}`,
    `CallExpression[callee.object.name="notices"] ${inside}> ${TEXT}`,
  ]),
  `JSXAttribute[name.name=${SHOWN_ATTRIBUTES}] > Literal[value=${LETTERS}]`,
].map((selector) => ({ selector, message: "What somebody may read stands in src/words/." }));

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
  { files: ["src/**"], ignores: ["src/words/**"], rules: { "no-restricted-syntax": ["error", ...sentences] } },
  ...Object.entries(LAYERS).map(([layer, above]) => {
    const patterns = [{ group: above.map((name) => `**/${name}/**`) }];
    if (layer === "features") patterns.push({ regex: "^\\.\\./[a-z]" }); // another feature
    return { files: [`src/${layer}/**`], rules: { "no-restricted-imports": ["error", { patterns }] } };
  }),
);
