// The page on second machines, done as it stands: its own lines are run, on two homes that lie where it says.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { readyDaemon } from "./machines.ts";
import { Place, type Running, ready, repository, until } from "./muster.ts";

const page = readFileSync(join(repository, "docs/second-machine.md"), "utf8");
/** The lines of the page's blocks, without their remarks. */
const blocks = [...page.matchAll(/^```sh\n(.*?)^```/gms)].map(([, block = ""]) =>
  block
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/\s+#.*$/, "")),
);

const hub = new Place();
const machine = new Place();
afterEach(async () => {
  await Promise.all([machine.clear(), hub.clear()]);
});

/** A line as the shell of that place runs it, with a port that is free where it starts a hub. */
function typed(place: Place, line: string, ...more: string[]): Running {
  expect(line).toMatch(/^muster /);
  const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? "");
  const args = words.slice(1).map((word) => word.replace(/^~\//, `${place.work}/`));
  return place.spawn([...args, ...more], { env: { HOME: place.work } });
}

test("EXP-3 what the page says to type is what joins a machine and works on it", async () => {
  const [[, upLine = ""] = [], [inviteLine = ""] = [], [addLine = "", addFromHubLine = "", ...workLines] = []] = blocks;
  await ready(typed(hub, upLine, "--json", "--port", "0"));
  const invited = await typed(hub, inviteLine).finished;
  const daemon = await readyDaemon(typed(machine, invited.stdout.trim(), "--json"));
  const folder = machine.repository("src/shop");
  expect((await typed(machine, addLine).finished).stdout).toContain("shop is a project now");
  // The other line is another way to the same project, from the hub's machine; both machines of the test have one host name.
  expect(addFromHubLine).toBe("muster project add /home/ada/src/shop --node ada");
  const there = `muster project add ${folder} --node ${daemon.ready.nodeId}`;
  const again = await typed(hub, there).finished;
  expect(again.stderr).toContain("(project_exists)");
  const [threadLine = "", turnLine = ""] = workLines;
  expect(workLines).toHaveLength(2);
  expect((await typed(machine, threadLine).finished).exitCode).toBe(0);
  const turn = typed(machine, turnLine);
  const answerLine = await until("the question", () => /muster approve \S+(?=,)/.exec(turn.stdout())?.[0]);
  expect((await typed(machine, answerLine).finished).exitCode).toBe(0);
  expect((await turn.finished).stdout).toContain("completed");
});
