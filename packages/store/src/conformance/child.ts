// Children of the process cases: this file is run by Node itself, opens the database by the adapter's opener, and speaks
// one JSON line per fact. `migrate` waits for a line on its input first; `write` goes on until its count or a kill.
import { createInterface } from "node:readline";
import { allocated } from "../allocation.ts";
import type { Store } from "../port.ts";
import { compileStatement } from "./queries.ts";
import { CONFORMANCE_MIGRATIONS, fixtureOf, STAMP } from "./subject.ts";

const say = (fact: unknown): void => {
  process.stdout.write(`${JSON.stringify(fact)}\n`);
};

const migrate = async (store: Store, generation: string): Promise<void> => {
  say("ready");
  const lines = createInterface({ input: process.stdin });
  await new Promise((resolve) => lines.once("line", resolve));
  lines.close();
  say(await store.migrate(CONFORMANCE_MIGRATIONS, { ...STAMP, generation }));
};

const write = async (store: Store, label: string, count: number): Promise<void> => {
  const { insert, queries } = await fixtureOf({ store, dispose: async () => undefined });
  const bump = compileStatement(queries.updateTable("counters").set((row) => ({ total: row("total", "+", 1) })));
  for (let written = 0; written < count; written += 1) {
    const statements = [...insert({ sequence: allocated(0), name: `${label}-${written}` }), bump];
    const result = await store.commit({
      guards: [],
      allocation: { table: "entries", column: "sequence", count: 1 },
      statements,
    });
    say(result.status === "committed" ? result.firstAllocated : result);
  }
};

const [module = "", argument = "", task = "", label = "", count = "1"] = process.argv.slice(2);
const { openStoreAt } = (await import(module)) as { openStoreAt(argument: string): Promise<Store> };
const store = await openStoreAt(argument);
if (task === "migrate") await migrate(store, label);
else await write(store, label, Number(count));
await store.close();
