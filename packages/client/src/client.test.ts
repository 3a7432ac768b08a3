// Calls, failures and the dispatch of commands, against a hub that is only a function.
import { MusterError } from "@muster/contracts";
import { describe, expect, test } from "vitest";
import { createClient, type MusterClient } from "./client.ts";
import { FakeHub, json } from "./testing/fake-hub.ts";
import { createManualTiming, type ManualTiming } from "./testing/manual-timing.ts";

const accepted = { generation: "generation", sequence: 7, receipt: "accepted" };
const archive = { type: "thread.archive", threadId: "thread-1" } as const;

function connect(hub: FakeHub, token?: string): { client: MusterClient; timing: ManualTiming } {
  const timing = createManualTiming();
  const client = createClient({
    baseUrl: "http://hub.test",
    fetch: hub.fetch,
    timing,
    ...(token === undefined ? {} : { token }),
  });
  return { client, timing };
}

const bodies = (hub: FakeHub): Promise<{ commandId: string; clientCreatedAt: string }[]> =>
  Promise.all(
    hub.requests.map(
      async (request) => (await request.clone().json()) as { commandId: string; clientCreatedAt: string },
    ),
  );

describe("a call", () => {
  test("carries the bearer token and the path of the contract", async () => {
    const hub = new FakeHub().answer("/nodes", () => json({ nodes: [] }));
    await connect(hub, "secret").client.api.nodes.list();
    expect(hub.requests[0]?.headers.get("authorization")).toBe("Bearer secret");
  });

  test("fails with the code that the hub answers, and its details", async () => {
    const refusal = {
      defined: true,
      code: "thread_not_found",
      status: 404,
      message: "There is no such thread.",
      data: { threadId: "thread-1" },
    };
    const hub = new FakeHub().answer("/orchestration/threads/thread-1", () => json(refusal, 404));
    const failure = await connect(hub)
      .client.api.orchestration.getThread({ threadId: "thread-1" })
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(MusterError);
    expect(failure).toMatchObject({ code: "thread_not_found", details: { threadId: "thread-1" } });
  });

  test("understands a bare error body", async () => {
    const hub = new FakeHub().answer("/auth/me", () =>
      json({ code: "unauthenticated", message: "No.", retryable: false }, 401),
    );
    await expect(connect(hub).client.api.auth.me()).rejects.toMatchObject({ code: "unauthenticated", message: "No." });
  });

  test("judges the page of a proxy by its status", async () => {
    const hub = new FakeHub().answer(
      "/auth/me",
      () => new Response("<h1>Bad gateway</h1>", { status: 502, headers: { "content-type": "text/html" } }),
    );
    await expect(connect(hub).client.api.auth.me()).rejects.toMatchObject({ code: "unavailable" });
  });

  test("fails with hub_unreachable when nothing answers", async () => {
    await expect(connect(new FakeHub()).client.api.health()).rejects.toMatchObject({ code: "hub_unreachable" });
  });
});

describe("a dispatched command", () => {
  test("gets an id and the time of asking", async () => {
    const hub = new FakeHub().answer("/orchestration/commands", () => json(accepted));
    const { client } = connect(hub);
    await expect(client.dispatch(archive)).resolves.toEqual(accepted);
    const [body] = await bodies(hub);
    expect(body?.commandId).toMatch(/^[0-9a-f-]{14}7/);
    expect(body?.clientCreatedAt).toBe(new Date(client.timing.now()).toISOString());
  });

  test("is repeated under the same id until its outcome is known", async () => {
    const answers = [
      () => Promise.reject(new TypeError("fetch failed")),
      () => json({ code: "outcome_unknown", message: "" }, 503),
      () => json({ ...accepted, receipt: "duplicate" }),
    ];
    const hub = new FakeHub().answer("/orchestration/commands", () => answers.shift()?.() ?? json(accepted));
    const { client, timing } = connect(hub);
    const result = client.dispatch(archive);
    await timing.advance(10_000);
    await expect(result).resolves.toMatchObject({ receipt: "duplicate" });
    const sent = await bodies(hub);
    expect(sent).toHaveLength(3);
    expect(new Set(sent.map(({ commandId }) => commandId)).size).toBe(1);
  });

  test("is not repeated when the hub refused it", async () => {
    const hub = new FakeHub().answer("/orchestration/commands", () =>
      json({ code: "turn_in_progress", message: "" }, 409),
    );
    await expect(connect(hub).client.dispatch(archive)).rejects.toMatchObject({ code: "turn_in_progress" });
    expect(hub.requests).toHaveLength(1);
  });

  test("gives up after five tries and says why", async () => {
    const { client, timing } = connect(new FakeHub());
    const result = expect(client.dispatch(archive)).rejects.toMatchObject({ code: "hub_unreachable" });
    await timing.advance(60_000);
    await result;
  });
});
