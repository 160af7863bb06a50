/** What somebody may read or hear stands in `src/words/`: no text between tags, in an attribute that is shown, in a notice or in a title. */
const LETTERS = "/\\p{L}{2}/u";
const TEXT = `:matches(Literal[value=${LETTERS}], TemplateElement[value.cooked=${LETTERS}])`;
/** The places where a text may be chosen among others. */
const CHOICE = ":matches(ConditionalExpression, LogicalExpression, TemplateLiteral, ArrayExpression)";
const SHOWN_ATTRIBUTES =
  "/^(aria-(label|description|placeholder|roledescription|valuetext)|title|placeholder|alt|label|text|does|what|hint|heads|submit|unit)$/";
const SHOWN_PROPERTIES = "/^(title|label|placeholder|problem|message)$/";
export const sentences = [
  `JSXText[value=${LETTERS}]`,
  ...["", `> ${CHOICE} `, `> ${CHOICE} > ${CHOICE} `].flatMap((inside) => [
    `:matches(JSXElement, JSXFragment) > JSXExpressionContainer ${inside}> ${TEXT}`,
    `JSXAttribute[name.name=${SHOWN_ATTRIBUTES}] > JSXExpressionContainer ${inside}> ${TEXT}`,
    `Property[key.name=${SHOWN_PROPERTIES}] ${inside}> ${TEXT}`,
    `CallExpression[callee.object.name="notices"] ${inside}> ${TEXT}`,
  ]),
  `JSXAttribute[name.name=${SHOWN_ATTRIBUTES}] > Literal[value=${LETTERS}]`,
].map((selector) => ({ selector, message: "What somebody may read stands in src/words/." }));

/** The catalogue may change after a module was evaluated: what a module keeps of it would stay in the language before. */
export const early = [
  ':matches(MemberExpression[object.name="words"], VariableDeclarator[init.name="words"]):not(:function *)',
].map((selector) => ({
  selector,
  message: "The language is not known yet when a module is evaluated: read the words in a function.",
}));
