import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const gateway = process.env["LAM_URL"] ?? "http://127.0.0.1:3000";

export default defineConfig({
  plugins: [react()],
  // The gateway serves what is built from inside its own package. Nothing is inlined: the policy lets no data: fonts in.
  build: { outDir: "../backend/src/lam/page", emptyOutDir: true, chunkSizeWarningLimit: 800, assetsInlineLimit: 0 },
  server: { proxy: { "/api": gateway } },
});
