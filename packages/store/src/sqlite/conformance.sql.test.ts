import { storeConformance } from "../conformance/index.ts";
import { openFreshFile, openFreshMemory } from "./testing.ts";

storeConformance("a SQLite file", openFreshFile);
storeConformance("SQLite in memory", openFreshMemory, {
  alone: "a database in memory is seen by its own connection alone",
});
