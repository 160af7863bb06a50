import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import react from "@vitejs/plugin-react";
import { defaultClientConditions, defineConfig, type Plugin } from "vite";

const gateway = process.env["LAM_URL"] ?? "http://127.0.0.1:3000";

/** What compresses well lies beside its file compressed: the gateway hands it on as it is. */
function compressed(): Plugin {
  return {
    name: "compressed",
    apply: "build",
    writeBundle({ dir = "" }, bundle) {
      for (const name of Object.keys(bundle).filter((one) => /\.(js|css|html)$/.test(one))) {
        const file = join(dir, name);
        writeFileSync(`${file}.gz`, gzipSync(readFileSync(file), { level: 9 }));
      }
    },
  };
}

/** The policy of the page lets no string become markup: code that would try ends the build, not a conversation. React and highlight.js only do it where they are asked to, and nothing asks. */
function noMarkup(): Plugin {
  const writes =
    /\.(?:inner|outer)HTML\s*=[^=]|\.insertAdjacentHTML\(|\bdocument\.write\(|\bnew Function\(|\bcreateContextualFragment\(/;
  return {
    name: "no-markup",
    apply: "build",
    transform(code, id) {
      if (!/\/node_modules\/(?:react-dom|highlight\.js)\//.test(id) && writes.test(code))
        this.error(`${id} makes markup of a string`);
    },
  };
}

export default defineConfig({
  plugins: [react(), noMarkup(), compressed()],
  // Of a package with several builds the one that needs no document: another one decodes `&amp;` by writing `innerHTML`.
  resolve: { conditions: ["worker", ...defaultClientConditions] },
  // Widths of screens have names (tokens.css), which browsers do not know yet.
  css: { transformer: "lightningcss", lightningcss: { drafts: { customMedia: true } } },
  // The gateway serves what is built from inside its own package. Nothing is inlined: the policy lets no data: fonts in.
  // Below a path the gateway rewrites the document alone: scripts and styles name their neighbours.
  experimental: { renderBuiltUrl: (_name, { hostType }) => (hostType === "html" ? undefined : { relative: true }) },
  build: { outDir: "../backend/src/lam/page", emptyOutDir: true, chunkSizeWarningLimit: 800, assetsInlineLimit: 0 },
  server: { proxy: { "/api": gateway } },
});
