// npm run soak: hub and daemon at work under random kills, and a checker that says whether anything was lost, doubled or
// stuck. Ends with 1 where it was. `--minutes 10 --seed 7 --actors 6 --json`; `--keep` keeps the folder of a bad run.
import { parseArgs } from "node:util";
import { startPostgres, urlOf } from "@muster/store/testing";
import { soak } from "../tests/soak/soak.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string" },
    actors: { type: "string", default: "6" },
    json: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
    database: { type: "string", default: "sqlite" },
  },
});
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
const [minutes, actors] = [Number(values.minutes), Number(values.actors)];
if (!(minutes > 0) || !Number.isInteger(actors) || actors < 1 || !Number.isInteger(seed)) {
  console.error("--minutes takes a number above 0, --actors and --seed take whole numbers.");
  process.exit(2);
}
if (values.database !== "sqlite" && values.database !== "postgres") {
  console.error("--database takes sqlite or postgres.");
  process.exit(2);
}

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
const say = (text: string): void => {
  if (!values.json) console.log(text);
};

say(`soak of ${minutes} minutes with the seed ${seed}`);
// A server of this run's own, which ends with it.
const server = values.database === "postgres" ? await startPostgres() : undefined;
try {
  const report = await soak({
    seed,
    ...(server === undefined ? {} : { databaseUrl: urlOf(server.address) }),
    workMs: minutes * 60_000,
    actors,
    pauseMinMs: 1_000,
    pauseMaxMs: 8_000,
    signal: stop.signal,
    say,
    isKept: values.keep,
  });
  console.log(JSON.stringify(report, null, values.json ? 0 : 2));
  say(report.findings.length === 0 ? "nothing was lost, doubled or stuck" : "the checker found something");
  process.exitCode = report.findings.length === 0 ? 0 : 1;
} catch (error) {
  if (!stop.signal.aborted) throw error;
  say("interrupted; everything was cleaned up");
  process.exitCode = 130;
} finally {
  await server?.stop();
}
