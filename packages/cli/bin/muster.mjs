#!/usr/bin/env node
// The muster command. A Node that cannot run TypeScript hands over to the checkout's bootstrap, which finds one that
// can and comes back here with it.
const canRunTypeScript = Number.parseInt(process.versions.node, 10) >= 24;
await import(canRunTypeScript ? "../src/main.ts" : "../../../scripts/bootstrap.mjs");
