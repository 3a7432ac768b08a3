// Requests of every kind with bytes changed, lost, doubled and cut: whatever comes, nothing fails unexpectedly, nothing
// hangs, and the next good request is served.
import { afterEach, beforeEach, expect, it } from "vitest";
import { deleteCommand } from "./testing/fakes.ts";
import { type Served, serve } from "./testing/served.ts";

const SEED = 20_260_101;
const ROUNDS = 60;
const AT_ONCE = 16;

let served: Served;
beforeEach(async () => {
  served = await serve({ onUpgrade: (_request, socket) => socket.destroy() });
});
afterEach(async () => {
  await served.close();
});

/** Uniform in [0, 1): a linear congruence, so that a failing run can be had again from its seed. */
const chance = (seed: number) => {
  let state = seed;
  return (): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
};

const mutate = (text: string, random: () => number): string => {
  let mutated = text;
  for (let count = Math.floor(random() * 4); count > 0; count -= 1) {
    const at = Math.floor(random() * mutated.length);
    const [before, after] = [mutated.slice(0, at), mutated.slice(at)];
    const kind = random();
    if (kind < 0.3) mutated = before + String.fromCharCode(Math.floor(random() * 256)) + after.slice(1);
    else if (kind < 0.6) mutated = before + after.slice(Math.floor(random() * 10));
    else if (kind < 0.9) mutated = before + after.slice(0, 20).repeat(3) + after;
    else mutated = before;
  }
  return mutated;
};

const requests = (authorization: string): readonly string[] => {
  const body = JSON.stringify(deleteCommand({ commandId: "command-1" }));
  const headers = `HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${authorization}\r\n`;
  const post = `POST /api/v1/orchestration/commands ${headers}Content-Type: application/json\r\n`;
  return [
    `${post}Content-Length: ${body.length}\r\n\r\n${body}`,
    `${post}Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    `${post}Expect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    `GET /api/v1/orchestration/events?after=1 ${headers}Last-Event-ID: generation-1:1\r\n\r\n`,
    `GET /api/v1/orchestration/threads/thread-1?turnLimit=3 ${headers}\r\n`,
    `GET /uplink/v1 ${headers}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    `GET /assets/../index.html ${headers}Accept-Encoding: gzip\r\nIf-None-Match: "x"\r\n\r\n`,
  ];
};

it(`mutated requests leave the server standing (seed ${SEED})`, async () => {
  const random = chance(SEED);
  const seeds = requests(served.bearer.authorization);
  const pick = () => mutate(seeds[Math.floor(random() * seeds.length)] ?? "", random);
  const statuses = new Set<string>();
  for (let round = 0; round < ROUNDS; round += 1) {
    const answers = Array.from({ length: AT_ONCE }, () => {
      const connection = served.raw("");
      connection.socket.end(Buffer.from(pick() + (random() < 0.3 ? pick() : ""), "latin1"));
      return connection.closed;
    });
    for (const answer of await Promise.all(answers)) statuses.add(answer.slice(9, 12));
  }
  expect([...statuses]).toEqual(expect.arrayContaining(["200", "400", "401", "403", "404"]));
  expect([...statuses].filter((status) => status.startsWith("5"))).toEqual([]);
  expect(served.lines.filter(({ level }) => level === "error")).toEqual([]);
  expect((await served.api("/orchestration/commands", deleteCommand())).status).toBe(200);
});
