import { type FeedMessage, MusterError } from "@muster/contracts";
import { PATIENCE_MS } from "@muster/core/testing";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { FeedItem } from "../ports.ts";
import { onBothDatabases } from "../schema/test-databases.ts";
import { HTTP_LIMITS } from "./limits.ts";
import { GENERATION, synchronized } from "./testing/fakes.ts";
import { type Served, serve } from "./testing/served.ts";

const PATIENTLY = { timeout: PATIENCE_MS };

let served: Served;
beforeEach(async () => {
  served = await serve({ limits: { credentialsCheckMs: 20 } });
});
afterEach(async () => {
  await served.close();
});

const EVENTS = "/api/v1/orchestration/events";

const delta = (text: string): FeedMessage => ({
  type: "delta",
  delta: { threadId: "thread-1", turnId: "turn-1", messageId: "message-1", offset: 0, text } as never,
});

const event = (sequence: number): FeedItem => ({
  id: `${GENERATION}:${sequence}`,
  message: {
    type: "event",
    event: {
      sequence,
      eventId: `event-${sequence}`,
      spaceId: "space",
      aggregateKind: "thread",
      streamId: "thread-1",
      streamVersion: sequence,
      eventType: "thread.archived",
      schemaVersion: "1.0",
      occurredAt: "2026-01-01T00:00:00.000Z",
      commandId: null,
      causationEventId: null,
      correlationId: null,
      actorKind: "client",
      actorId: "someone",
      payload: {},
      metadata: {},
    } as never,
  },
});

/** An open stream, read as text. */
const follow = async (path = EVENTS, headers: Readonly<Record<string, string>> = served.bearer) => {
  const abort = new AbortController();
  const response = await served.fetch(path, { headers, signal: abort.signal });
  expect(response.status, response.status === 200 ? "" : await response.clone().text()).toBe(200);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const until = async (found: (text: string) => boolean): Promise<string> => {
    while (!found(text)) {
      const part = await reader?.read();
      if (part === undefined || part.done) return text;
      text += part.value;
    }
    return text;
  };
  return {
    response,
    abort: () => abort.abort(),
    until: (wanted: string) => until((so) => so.includes(wanted)),
    toEnd: () => until(() => false),
  };
};

const feed = (index = 0) => {
  const found = served.orchestration.feeds[index];
  if (found === undefined) throw new Error("no feed was opened");
  return found;
};

describe("the event stream", () => {
  it("ORC-27 carries ids for members of the log alone, each message as data of one union", async () => {
    served.orchestration.firstItems = [event(1), { message: synchronized }, { message: delta("hello") }];
    const stream = await follow();
    expect(stream.response.headers.get("content-type")).toBe("text/event-stream");
    expect(stream.response.headers.get("cache-control")).toBe("no-store");
    const text = await stream.until("hello");
    const messages = text.split("\n\n").filter((part) => part.includes("data:"));
    expect(messages).toHaveLength(3);
    expect(messages.map((part) => /^event: (.*)$/m.exec(part)?.[1])).toEqual(["message", "message", "message"]);
    expect(messages.map((part) => /^id: (.*)$/m.exec(part)?.[1])).toEqual([`${GENERATION}:1`, undefined, undefined]);
    expect(JSON.parse(/^data: (.*)$/m.exec(messages[1] ?? "")?.[1] ?? "")).toEqual(synchronized);
    stream.abort();
  });

  it("passes on where its reader was", async () => {
    const headers = { ...served.bearer, "last-event-id": `${GENERATION}:7` };
    const streams = [
      await follow(`${EVENTS}?after=3&threadId=thread-1`, headers),
      await follow(EVENTS, { ...served.bearer, "last-event-id": "" }),
    ];
    const { signal: _, ...input } = feed(0).input;
    expect(input).toEqual({ after: "3", threadId: "thread-1", lastEventId: `${GENERATION}:7` });
    expect(Object.keys(feed(1).input)).toEqual(["signal"]);
    const tooLong = await served.fetch(EVENTS, { headers: { ...served.bearer, "last-event-id": "x".repeat(129) } });
    expect(tooLong.status).toBe(400);
    for (const stream of streams) stream.abort();
  });

  it("is refused with a status when the feed refuses, and takes no place then", async () => {
    await served.close();
    served = await serve({ limits: { eventStreamsMax: 1 } });
    served.orchestration.failure = new MusterError("thread_not_found");
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const response = await served.fetch(EVENTS, { headers: served.bearer });
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ code: "thread_not_found" });
    }
  });

  it("ends with an error in the one shape when the feed fails on its way", async () => {
    const broken = async function* (): AsyncGenerator<FeedItem> {
      yield { message: synchronized };
      throw new Error("secret of the store");
    };
    served.orchestration.feed = () => broken();
    const text = await (await follow()).toEnd();
    const error = JSON.parse(/^event: error\ndata: (.*)$/m.exec(text)?.[1] ?? "{}");
    expect(error).toMatchObject({
      code: "internal_error",
      retryable: true,
      details: { requestId: expect.any(String) },
    });
    expect(text).not.toContain("secret");
    expect(served.lines.find(({ level }) => level === "error")?.fields).toMatchObject({
      err: expect.objectContaining({ message: "secret of the store" }),
    });
  });

  it("ends with an error in the one shape when a message does not fit the contract, and does not pass it on", async () => {
    served.orchestration.firstItems = [
      { message: synchronized },
      { message: { type: "delta", delta: { secret: "of the store" } } as never },
    ];
    const text = await (await follow()).toEnd();
    expect(text).toContain('"synchronized"');
    const error = JSON.parse(/^event: error\ndata: (.*)$/m.exec(text)?.[1] ?? "{}");
    expect(error).toMatchObject({ code: "internal_error", details: { requestId: expect.any(String) } });
    expect(text).not.toContain("secret");
    await vi.waitFor(() => expect(feed()).toMatchObject({ aborted: true, returned: true }), PATIENTLY);
  });

  it("ORC-27 brings every reader the same bytes of an event that they share", async () => {
    const shared = event(1);
    served.orchestration.firstItems = [shared, { ...shared }, event(2), { message: synchronized }];
    const streams = [await follow(), await follow()];
    const texts = await Promise.all(streams.map((stream) => stream.until("synchronized")));
    expect(texts[0]).toBe(texts[1]);
    expect(texts[0]?.startsWith(": \n\n")).toBe(true);
    expect([...(texts[0] ?? "").matchAll(/^id: .*:(\d)$/gm)].map((found) => found[1])).toEqual(["1", "1", "2"]);
    for (const stream of streams) stream.abort();
  });

  it("ends when the feed ends", async () => {
    const stream = await follow();
    feed().end();
    expect(await stream.toEnd()).toContain('"synchronized"');
  });

  it("aborts its feed when the reader leaves, whether or not a message is on its way", async () => {
    const stream = await follow();
    await stream.until("synchronized");
    stream.abort();
    await vi.waitFor(() => expect(feed()).toMatchObject({ aborted: true, returned: true }), PATIENTLY);
  });

  it("ORC-27 stops pulling from its feed when its reader reads no more, and others go on", async () => {
    const items = Array.from({ length: 2_000 }, () => ({ message: delta("x".repeat(16 * 1024)) }));
    served.orchestration.firstItems = items;
    const stalled = served.raw(
      `GET ${EVENTS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${served.bearer.authorization}\r\n\r\n`,
    );
    await stalled.until("event: message");
    stalled.socket.pause();
    const reader = await follow();
    feed(1).end();
    await reader.toEnd();
    expect(feed(1).pulled).toBe(items.length);
    // What the kernel and two small buffers hold, of 32 MiB.
    expect(feed(0).pulled).toBeLessThan(items.length / 2);
    stalled.socket.destroy();
    await vi.waitFor(() => expect(feed(0).returned).toBe(true), PATIENTLY);
  });

  it("is cut off when its reader does not come back to reading", async () => {
    await served.close();
    served = await serve({ limits: { socketIdleTimeoutMs: 200 } });
    served.orchestration.firstItems = Array.from({ length: 2_000 }, () => ({ message: delta("x".repeat(16 * 1024)) }));
    const stalled = served.raw(
      `GET ${EVENTS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${served.bearer.authorization}\r\n\r\n`,
    );
    await stalled.until("event: message");
    stalled.socket.pause();
    // Half of what a hub without that setting would take.
    await vi.waitFor(() => expect(feed().returned).toBe(true), { timeout: HTTP_LIMITS.socketIdleTimeoutMs / 2 });
    stalled.socket.destroy();
  });

  it("ORC-27 says by a comment that it is alive while nothing happens", async () => {
    await served.close();
    served = await serve({ limits: { eventKeepAliveMs: 10, socketIdleTimeoutMs: 500 } });
    const stream = await follow();
    await stream.until(": keep-alive\n\n: keep-alive\n\n: keep-alive");
    expect(feed().returned).toBe(false);
    stream.abort();
  });
});

onBothDatabases("an open event stream ends", () => {
  const lastMessage = (text: string) => JSON.parse([...text.matchAll(/^data: (.*)$/gm)].at(-1)?.[1] ?? "null");

  it("EXP-11 when its login is ended", async () => {
    const headers = await served.browser();
    const stream = await follow(EVENTS, headers);
    await stream.until("synchronized");
    await served.fetch("/api/v1/auth/logout", { method: "POST", headers });
    expect(lastMessage(await stream.toEnd())).toEqual({
      type: "reset",
      reason: "membership",
      generation: GENERATION,
      headSequence: 0,
    });
    expect((await served.fetch(EVENTS, { headers })).status).toBe(401);
  });

  it.each([
    ["role", "UPDATE session_memberships SET role = 'viewer' WHERE participant_id = ?"],
    ["membership", "UPDATE session_memberships SET state = 'suspended' WHERE participant_id = ?"],
    ["principal", "UPDATE principals SET disabled_at = created_at WHERE principal_id = ?"],
  ])("ORC-26 when the %s behind it changed, and no other stream does", async (_what, change) => {
    const id = await served.addPrincipal("human", "collaborator");
    const mine = await follow(EVENTS, await served.browser(id));
    const other = await follow();
    await served.opened.run(change, id);
    expect(lastMessage(await mine.toEnd())).toMatchObject({ type: "reset", reason: "membership" });
    feed(1).push({ message: delta("still here") });
    await other.until("still here");
    other.abort();
  });

  it("with a word of farewell when the hub stops, even if its feed does not obey", async () => {
    const deaf = async function* (): AsyncGenerator<FeedItem> {
      yield { message: synchronized };
      await new Promise(() => undefined);
    };
    served.orchestration.feed = () => deaf();
    const stream = await follow();
    await stream.until("synchronized");
    const closing = served.server.close();
    expect(lastMessage(await stream.toEnd())).toMatchObject({ type: "reset", reason: "stopping" });
    await closing;
  });
});

describe("the number of event streams", () => {
  it("is limited for each principal and in all, and a place is free again when a reader left", async () => {
    await served.close();
    served = await serve({ limits: { eventStreamsPerPrincipalMax: 2, eventStreamsMax: 3 } });
    const mine = [await follow(), await follow()];
    const third = await served.fetch(EVENTS, { headers: served.bearer });
    expect(third.status).toBe(429);
    expect(third.headers.get("retry-after")).toBe("5");
    expect(await third.json()).toMatchObject({ code: "rate_limited", retryable: true, details: { limit: 2 } });
    const browser = await served.browser();
    const other = await follow(EVENTS, browser);
    expect((await served.fetch(EVENTS, { headers: browser })).status).toBe(429);
    mine[0]?.abort();
    await vi.waitFor(async () => {
      const again = await follow();
      again.abort();
    }, PATIENTLY);
    mine[1]?.abort();
    other.abort();
  });
});
