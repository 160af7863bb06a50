/**
 * Texts as people and models write them, and what their readers expect to see.
 *
 * `expects` is said as `simplified.ts` says it. Where nothing else is noted the expectation is CommonMark 0.31 or GFM. Notes name what
 * differs, and why: [cjk] marks beside CJK punctuation work (commonmark-spec issue 650), [break] a line break is a line break, as in
 * GitHub's comments, [math] formulas by pandoc's rule for dollars, [tags] a few tags without attributes, [bounds] an address ends where
 * a full-width mark begins, [shown] other HTML is shown as it is written.
 */

export interface Text {
  script: string;
  construct: string;
  text: string;
  expects: string;
  /** It is read from right to left. */
  isRightToLeft?: true;
}

type Row = [script: string, construct: string, text: string, expects: string];

const LEFT_TO_RIGHT: Row[] = [
  // Latin: CommonMark and GFM
  ["Latin", "paragraph", "Hello world", "<p>Hello world</p>"],
  ["Latin", "emphasis", "an *important* and _quiet_ word", "<p>an <em>important</em> and <em>quiet</em> word</p>"],
  ["Latin", "strong", "a **strong** and __loud__ word", "<p>a <strong>strong</strong> and <strong>loud</strong> word</p>"],
  ["Latin", "strong emphasis", "***both***", "<p><em><strong>both</strong></em></p>"],
  ["Latin", "emphasis inside a word", "snake_case_name and un*believ*able", "<p>snake_case_name and un<em>believ</em>able</p>"],
  ["Latin", "stars that are no marks", "2 * 3 * 4 = 24", "<p>2 * 3 * 4 = 24</p>"],
  ["Latin", "emphasis beside ASCII punctuation", '**"Quoted"**text', '<p>**"Quoted"**text</p>'],
  ["Latin", "strikethrough", "~~gone~~ here", "<p><del>gone</del> here</p>"],
  ["Latin", "single tildes", "about ~5 to ~10", "<p>about ~5 to ~10</p>"], // GFM would strike: «one or two tildes»; readers mean «about»
  ["Latin", "code span", "call `f(x)` now", "<p>call <code>f(x)</code> now</p>"],
  ["Latin", "code span with backticks", "`` a`b ``", "<p><code>a`b</code></p>"],
  ["Latin", "headings", "# One\n\n### Three", "<h1>One</h1><h3>Three</h3>"],
  ["Latin", "underlined heading", "Title\n=====", "<h1>Title</h1>"],
  ["Latin", "number sign without a space", "#hashtag", "<p>#hashtag</p>"],
  ["Latin", "bullet list", "- one\n- two", "<ul><li>one</li><li>two</li></ul>"],
  ["Latin", "nested list", "- one\n  - two\n- three", "<ul><li>one<ul><li>two</li></ul></li><li>three</li></ul>"],
  ["Latin", "numbered list", "1. one\n2. two", "<ol><li>one</li><li>two</li></ol>"],
  ["Latin", "loose list", "- one\n\n- two", "<ul><li><p>one</p></li><li><p>two</p></li></ul>"],
  ["Latin", "task list", "- [x] done\n- [ ] open", "<ul><li>[x] done</li><li>[ ] open</li></ul>"],
  ["Latin", "a year that is no list", "The year was\n1986. A great year", "<p>The year was<br>1986. A great year</p>"], // [break]
  ["Latin", "quote", "> said\n> so", "<blockquote><p>said<br>so</p></blockquote>"], // [break]
  ["Latin", "nested quote", "> a\n>> b", "<blockquote><p>a</p><blockquote><p>b</p></blockquote></blockquote>"],
  ["Latin", "rule", "a\n\n---\n\nb", "<p>a</p><hr><p>b</p>"],
  ["Latin", "fence", "```js\nf();\n```", "<pre>f();</pre>"],
  ["Latin", "fence of tildes", "~~~\na\n\nb\n~~~", "<pre>a\n\nb</pre>"],
  ["Latin", "fence in a list", "- x\n\n  ```\n  a\n  ```", "<ul><li><p>x</p><pre>a</pre></li></ul>"],
  ["Latin", "fence in a fence", "````md\n```\na\n```\n````", "<pre>```\na\n```</pre>"],
  ["Latin", "indented code", "x\n\n    a\n      b", "<p>x</p><pre>a\n  b</pre>"],
  [
    "Latin",
    "table",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>",
  ],
  [
    "Latin",
    "escaped bar in a cell",
    "| a |\n|---|\n| `x\\|y` |",
    "<table><tr><th>a</th></tr><tr><td><code>x|y</code></td></tr></table>",
  ],
  ["Latin", "link", "[site](https://a.example/x)", "<p><a https://a.example/x>site</a></p>"],
  ["Latin", "link with brackets", "[a](https://a.example/A_(b))", "<p><a https://a.example/A_(b)>a</a></p>"],
  ["Latin", "reference", "[a][r]\n\n[r]: https://a.example", "<p><a https://a.example/>a</a></p>"],
  ["Latin", "autolink", "see https://a.example/x.", "<p>see <a https://a.example/x>https://a.example/x</a>.</p>"],
  ["Latin", "address between angles", "<https://a.example>", "<p><a https://a.example/>https://a.example</a></p>"],
  ["Latin", "image", "![chart](https://a.example/x.png)", "<p><a https://a.example/x.png>⟨chart⟩</a></p>"], // never loaded
  ["Latin", "footnote", "x[^1]\n\n[^1]: note", "<p>x<sup>⟨[1]⟩</sup></p><section>⟨[1]⟩<p>note</p></section>"],
  ["Latin", "backslash escapes", "\\*not\\* \\_this\\_", "<p>*not* _this_</p>"],
  ["Latin", "entities", "&copy; &nosuch; &amp;", "<p>© &nosuch; &</p>"],
  ["Latin", "two spaces break a line", "a  \nb", "<p>a<br>b</p>"],
  ["Latin", "backslash breaks a line", "a\\\nb", "<p>a<br>b</p>"],
  ["Latin", "address of a letter", "Jane Doe\n5 Elm St\nOslo", "<p>Jane Doe<br>5 Elm St<br>Oslo</p>"], // [break]
  ["Latin", "poem", "Two roads\n  diverged\n\nin a wood", "<p>Two roads<br>diverged</p><p>in a wood</p>"], // [break]
  // Tags
  ["Latin", "br", "a<br>b<br/>c", "<p>a<br>b<br>c</p>"], // [tags]
  ["Latin", "br in a cell", "| a |\n|---|\n| x<br>y |", "<table><tr><th>a</th></tr><tr><td>x<br>y</td></tr></table>"], // [tags]
  ["Latin", "sub and sup", "H<sub>2</sub>O, x<sup>2</sup>", "<p>H<sub>2</sub>O, x<sup>2</sup></p>"], // [tags]
  ["Latin", "kbd", "<kbd>Ctrl</kbd>+<kbd>C</kbd>", "<p><kbd>Ctrl</kbd>+<kbd>C</kbd></p>"], // [tags]
  ["Latin", "markdown in a tag", "<sup>*a*</sup>", "<p><sup><em>a</em></sup></p>"], // [tags]
  [
    "Latin",
    "details",
    "<details>\n<summary>More</summary>\n\n- **a**\n\n</details>\n\nafter",
    "<details><summary>More</summary><ul><li><strong>a</strong></li></ul></details><p>after</p>",
  ], // [tags]
  [
    "Latin",
    "details without blank lines",
    "<details><summary>More</summary>\nThe *text*\n</details>\nafter",
    "<details><summary>More</summary><p>The <em>text</em></p></details><p>after</p>",
  ], // [tags] GitHub would not read the stars
  [
    "Latin",
    "details in a list",
    "- a\n  <details>\n  <summary>S</summary>\n\n  b\n  </details>\n- c",
    "<ul><li><p>a</p><details><summary>S</summary><p>b</p></details></li><li><p>c</p></li></ul>",
  ], // [tags]
  [
    "Latin",
    "details in details",
    "<details>\n<summary>A</summary>\n\n<details>\n<summary>B</summary>\n\nb\n\n</details>\n\n</details>",
    "<details><summary>A</summary><details><summary>B</summary><p>b</p></details></details>",
  ], // [tags]
  ["Latin", "details with code", "<details>\n\n```\n</details>\n```\n\n</details>", "<details><pre></details></pre></details>"], // [tags]
  ["Latin", "a tag with attributes", '<sub class="x">a</sub>', '<p><sub class="x">a</sub></p>'], // [shown]
  ["Latin", "other tags", "a <b>b</b> <script>x</script>", "<p>a <b>b</b> <script>x</script></p>"], // [shown]
  ["Latin", "a tag without its end", "a <sub>b", "<p>a <sub>b</p>"], // [shown]
  ["Latin", "less than", "a < b and c <d", "<p>a < b and c <d</p>"],
  ["Latin", "comment", "a <!-- b --> c", "<p>a <!-- b --> c</p>"], // [shown]
  // Maths
  ["Latin", "formula", "so $a^2$ is", "<p>so ⟨$a^2$⟩ is</p>"], // [math]
  ["Latin", "formula with braces", "$S = \\{1,2\\}$ is", "<p>⟨$S = \\{1,2\\}$⟩ is</p>"], // [math]
  ["Latin", "per cent in a formula", "$50\\%$ of", "<p>⟨$50\\%$⟩ of</p>"], // [math]
  ["Latin", "formula with stars and underscores", "$a_1*b_2*c_3$", "<p>⟨$a_1*b_2*c_3$⟩</p>"], // [math]
  ["Latin", "displayed formula", "$$\nx\n$$", "⟨$$ x $$⟩"], // [math]
  ["Latin", "brackets of LaTeX", "\\(x\\) and\n\n\\[\ny\n\\]", "<p>⟨$x$⟩ and</p>⟨$$ y $$⟩"], // [math]
  ["Latin", "align", "\\begin{align}\na &= b \\\\\nc &= d\n\\end{align}", "⟨$$ \\begin{align} a &= b \\\\ c &= d \\end{align} $$⟩"], // [math]
  ["Latin", "align in dollars", "$$\n\\begin{align}\na &= b\n\\end{align}\n$$", "⟨$$ \\begin{align} a &= b \\end{align} $$⟩"], // [math]
  ["Latin", "chemistry", "$\\ce{H2O}$ and \\ce{CO2}", "<p>⟨$\\ce{H2O}$⟩ and ⟨$\\ce{CO2}$⟩</p>"], // [math]
  [
    "Latin",
    "bars of a formula in a cell",
    "| a | b |\n|---|---|\n| $|x|$ | y |",
    "<table><tr><th>a</th><th>b</th></tr><tr><td>⟨$\\vert x\\vert$⟩</td><td>y</td></tr></table>",
  ], // [math]
  ["Latin", "bars outside of a table", "$|x|$", "<p>⟨$|x|$⟩</p>"], // [math]
  ["Latin", "prices", "costs $5 and $10", "<p>costs $5 and $10</p>"], // [math]
  ["Latin", "prices with the sign behind", "I have $5 and you have 10$.", "<p>I have $5 and you have 10$.</p>"], // [math]
  ["Latin", "a range of prices", "$1,000-$2,000", "<p>$1,000-$2,000</p>"], // [math]
  ["Latin", "variables of a shell", "$HOME/bin:$PATH and ${a}-${b}", "<p>$HOME/bin:$PATH and ${a}-${b}</p>"], // [math]
  ["Latin", "a price in bold", "**$148 → $19** (~$1,550)", "<p><strong>$148 → $19</strong> (~$1,550)</p>"], // [math]
  ["Latin", "a sum of prices", "$80 + $50 = $130", "<p>$80 + $50 = $130</p>"], // [math]
  ["Latin", "a foreign dollar", "R$ 12,29 e R$ 15,83", "<p>R$ 12,29 e R$ 15,83</p>"], // [math]
  ["Latin", "spaces inside of dollars", "$ a $ and $ 0 < a $", "<p>⟨$a$⟩ and ⟨$0 < a$⟩</p>"], // [math] as models write
  ["Latin", "a dollar in a formula", "$p=25.6\\$$ now", "<p>⟨$p=25.6\\$$⟩ now</p>"], // [math]
  ["Latin", "dollars in code", "`$x$`", "<p><code>$x$</code></p>"],
  // Han
  ["Han", "paragraph", "你好，世界。", "<p>你好，世界。</p>"],
  ["Han", "strong with a full-width colon", "**注意：**请", "<p><strong>注意：</strong>请</p>"], // [cjk]
  ["Han", "strong before a digit", "**复现：**10 轮", "<p><strong>复现：</strong>10 轮</p>"], // [cjk]
  ["Han", "strong around quotes", "含**「重点」**内容", "<p>含<strong>「重点」</strong>内容</p>"], // [cjk]
  ["Han", "strong around brackets", "这是**（重要）**的", "<p>这是<strong>（重要）</strong>的</p>"], // [cjk]
  ["Han", "strong that ends with a full stop", "**不变。**源码", "<p><strong>不变。</strong>源码</p>"], // [cjk]
  ["Han", "strong around curly quotes", "他说**“真”**她", "<p>他说<strong>“真”</strong>她</p>"], // [cjk]
  ["Han", "strong around code", "用**`npm`**安装", "<p>用<strong><code>npm</code></strong>安装</p>"], // [cjk]
  [
    "Han",
    "strong around a link",
    "看**[这里](https://a.example)**。",
    "<p>看<strong><a https://a.example/>这里</a></strong>。</p>",
  ], // [cjk]
  ["Han", "emphasis", "这*很，*好", "<p>这<em>很，</em>好</p>"], // [cjk]
  ["Han", "strikethrough", "这~~错。~~对", "<p>这<del>错。</del>对</p>"], // [cjk]
  ["Han", "single tildes", "3~5天，4~6天", "<p>3~5天，4~6天</p>"],
  ["Han", "autolink", "看https://a.example。后面", "<p>看<a https://a.example/>https://a.example</a>。后面</p>"], // [bounds]
  ["Han", "autolink in brackets", "（https://a.example/x）", "<p>（<a https://a.example/x>https://a.example/x</a>）</p>"], // [bounds]
  ["Han", "formula", "其中$S=\\{1\\}$是", "<p>其中⟨$S=\\{1\\}$⟩是</p>"], // [math]
  ["Han", "prices", "价格$5和$10", "<p>价格$5和$10</p>"], // [math]
  ["Han", "poem", "床前明月光，\n疑是地上霜。", "<p>床前明月光，<br>疑是地上霜。</p>"], // [break]
  ["Han", "list", "1. **步骤一：**打开\n2. 关闭", "<ol><li><strong>步骤一：</strong>打开</li><li>关闭</li></ol>"], // [cjk]
  [
    "Han",
    "table",
    "| 项 | 值 |\n|---|---|\n| **甲：**乙 | 丙 |",
    "<table><tr><th>项</th><th>值</th></tr><tr><td><strong>甲：</strong>乙</td><td>丙</td></tr></table>",
  ], // [cjk]
  ["Han", "full-width marks that are none", "＊＊不是＊＊", "<p>＊＊不是＊＊</p>"],
  // Japanese, Korean
  ["Kana", "strong around quotes", "これは**「大事」**です。", "<p>これは<strong>「大事」</strong>です。</p>"], // [cjk]
  ["Kana", "strong with a full stop", "**ご注意。**次へ", "<p><strong>ご注意。</strong>次へ</p>"], // [cjk]
  ["Kana", "poem", "古池や\n蛙飛び込む\n水の音", "<p>古池や<br>蛙飛び込む<br>水の音</p>"], // [break]
  ["Kana", "wave dash", "3〜5日、~~旧~~", "<p>3〜5日、<del>旧</del></p>"],
  ["Hangul", "strong before a particle", "**한국어(Korean)**는", "<p><strong>한국어(Korean)</strong>는</p>"], // [cjk]
  ["Hangul", "autolink before a particle", "https://a.example에서", "<p><a https://a.example/>https://a.example</a>에서</p>"], // [bounds]
  ["Hangul", "single tildes", "1~2시, 3~4시", "<p>1~2시, 3~4시</p>"],
  // Others
  ["Cyrillic", "strong", "Это **важно**: да", "<p>Это <strong>важно</strong>: да</p>"],
  ["Cyrillic", "quotes and a dash", "«Да» — **нет**", "<p>«Да» — <strong>нет</strong></p>"],
  ["Greek", "emphasis", "το *ωμέγα* και;", "<p>το <em>ωμέγα</em> και;</p>"],
  ["Devanagari", "strong", "**नमस्ते** दुनिया।", "<p><strong>नमस्ते</strong> दुनिया।</p>"],
  ["Devanagari", "list", "- एक\n- दो", "<ul><li>एक</li><li>दो</li></ul>"],
  ["Thai", "strong inside a word", "นี่คือ**สำคัญ**มาก", "<p>นี่คือ<strong>สำคัญ</strong>มาก</p>"],
  ["Thai", "autolink", "ดูที่ https://a.exampleนะ", "<p>ดูที่ <a https://a.example/>https://a.example</a>นะ</p>"], // [bounds]
  ["Bengali", "heading", "## শিরোনাম", "<h2>শিরোনাম</h2>"],
  ["Tamil", "quote", "> வணக்கம்", "<blockquote><p>வணக்கம்</p></blockquote>"],
  ["Georgian", "table", "| ა |\n|---|\n| ბ |", "<table><tr><th>ა</th></tr><tr><td>ბ</td></tr></table>"],
  ["Armenian", "link", "[Բարև](https://a.example)", "<p><a https://a.example/>Բարև</a></p>"],
  ["Ethiopic", "strong", "**ሰላም**። ዓለም", "<p><strong>ሰላም</strong>። ዓለም</p>"],
  ["Emoji", "strong", "**👍🏽** ok 👨‍👩‍👧", "<p><strong>👍🏽</strong> ok 👨‍👩‍👧</p>"],
  ["Emoji", "strong beside a letter", "**👍**ok", "<p>**👍**ok</p>"], // a symbol is punctuation since CommonMark 0.31
];

const RIGHT_TO_LEFT: Row[] = [
  ["Arabic", "paragraph", "مرحبا بالعالم", "<p>مرحبا بالعالم</p>"],
  ["Arabic", "strong", "هذا **مهم**، نعم", "<p>هذا <strong>مهم</strong>، نعم</p>"],
  ["Arabic", "list", "- واحد\n- اثنان", "<ul><li>واحد</li><li>اثنان</li></ul>"],
  ["Arabic", "numbered list", "1. أولا\n2. ثانيا", "<ol><li>أولا</li><li>ثانيا</li></ol>"],
  ["Arabic", "heading", "## عنوان", "<h2>عنوان</h2>"],
  ["Arabic", "quote", "> قال", "<blockquote><p>قال</p></blockquote>"],
  ["Arabic", "code first", "`npm i` يثبت", "<p><code>npm i</code> يثبت</p>"], // code does not decide the direction
  [
    "Arabic",
    "table",
    "| اسم | قيمة |\n|---|---|\n| أ | ب |",
    "<table><tr><th>اسم</th><th>قيمة</th></tr><tr><td>أ</td><td>ب</td></tr></table>",
  ],
  ["Arabic", "autolink", "انظر https://a.example، ثم", "<p>انظر <a https://a.example/>https://a.example</a>، ثم</p>"], // [bounds]
  ["Arabic", "formula", "لدينا $x^2$ هنا", "<p>لدينا ⟨$x^2$⟩ هنا</p>"], // [math]
  ["Hebrew", "strong", "זה **חשוב** מאוד", "<p>זה <strong>חשוב</strong> מאוד</p>"],
  ["Hebrew", "poem", "שלום\nעולם", "<p>שלום<br>עולם</p>"], // [break]
  ["Persian", "zero-width non-joiner", "می‌خواهم **کتاب** را", "<p>می‌خواهم <strong>کتاب</strong> را</p>"],
  [
    "Urdu",
    "details",
    "<details>\n<summary>مزید</summary>\n\nمتن\n\n</details>",
    "<details><summary>مزید</summary><p>متن</p></details>",
  ], // [tags]
];

export const TEXTS: Text[] = [
  ...LEFT_TO_RIGHT.map(([script, construct, text, expects]) => ({ script, construct, text, expects })),
  ...RIGHT_TO_LEFT.map(([script, construct, text, expects]) => ({
    script,
    construct,
    text,
    expects,
    isRightToLeft: true as const,
  })),
];
