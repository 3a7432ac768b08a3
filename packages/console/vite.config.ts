// Builds the web page. Everything it needs comes from the hub itself: no inlined assets, because the hub's content
// security policy allows its own origin alone.
import { join } from "node:path";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  base: "/",
  plugins: [react()],
  // Eight KiB that no page calls.
  resolve: { alias: { "mdast-util-to-markdown": join(import.meta.dirname, "src/markdown/no-writer.ts") } },
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1_200,
    rolldownOptions: {
      output: {
        codeSplitting: {
          // A chunk runs before those that import from it: what must come before any schema goes with them.
          groups: [{ name: "schemas", test: /no-eval\.ts|[\\/]zod[\\/]|packages[\\/]contracts[\\/]/ }],
        },
      },
    },
  },
  server: {
    // `npx vite` beside a running hub, for work on the page.
    proxy: { "/api": "http://127.0.0.1:7600" },
  },
});
