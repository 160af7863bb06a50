import { existsSync } from "node:fs";

import { defineConfig } from "vitest/config";

// A missing browser leaves these tests out, except where CI is set: there it fails.
const runs = existsSync("/usr/bin/chromium") || process.env["CI"] !== undefined;
if (!runs) console.warn("The page is not tested in a browser: chromium is not installed (apt-get install chromium)");

export default defineConfig({
  test: {
    include: runs ? ["e2e/**/*.test.ts"] : [],
    passWithNoTests: !runs,
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 15_000 } },
    fileParallelism: false,
    isolate: false, // one launcher (e2e/programs.ts) for all files
  },
});
