import { storeConformance } from "../conformance/index.ts";
import { openFreshFile, openFreshMemory, openFreshThreads } from "./testing.ts";

storeConformance("a SQLite file", openFreshFile);
storeConformance("a SQLite file behind threads", openFreshThreads);
storeConformance("SQLite in memory", openFreshMemory, {
  alone: "a database in memory is seen by its own connection alone",
});
