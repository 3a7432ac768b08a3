#!/usr/bin/env node
// The muster command. A Node that cannot run TypeScript hands over to the checkout's bootstrap, which finds one that
// can and comes back here with it.
import * as nodeModule from "node:module";
import { fileURLToPath } from "node:url";

const canRunTypeScript = Number.parseInt(process.versions.node, 10) >= 24;
if (canRunTypeScript && process.env.NODE_COMPILE_CACHE === undefined) {
  // What Node compiled is kept beside the sources, where only those can write who can write these. It is not said in the
  // environment, which agents inherit from. Where it cannot be kept, Node says so in its answer and goes on without.
  nodeModule.enableCompileCache(fileURLToPath(new URL("../../../node_modules/.cache/muster-compile", import.meta.url)));
}
await import(canRunTypeScript ? "../src/main.ts" : "../../../scripts/bootstrap.mjs");
