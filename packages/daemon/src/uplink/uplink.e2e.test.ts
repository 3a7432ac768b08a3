import { CLOSE_CODES, type JournalId, MusterError, type ThreadId, type TurnId } from "@muster/contracts";
import { best, until } from "@muster/core/testing";
import { afterEach, describe, expect, it } from "vitest";
import { systemTimers, type Timers } from "../processes/index.ts";
import { atEnd, endAll, openHub } from "./testing/opened.ts";
import { openUplink } from "./testing/opened-uplink.ts";
import type { ScriptedHub } from "./testing/scripted-hub.ts";

afterEach(endAll);

/** Real time, but what is set for longer than a second comes when the test says so. */
const impatientTimers = () => {
  const late: { delayMs: number; run: () => void }[] = [];
  const timers: Timers = {
    nowMs: () => performance.now(),
    schedule: (delayMs, run) => {
      if (delayMs < 1_000) return systemTimers.schedule(delayMs, run);
      const item = { delayMs, run };
      late.push(item);
      return () => {
        const index = late.indexOf(item);
        if (index >= 0) late.splice(index, 1);
      };
    },
  };
  const fire = (delayMs: number): void => {
    const due = late.filter((item) => item.delayMs === delayMs);
    for (const item of due) late.splice(late.indexOf(item), 1);
    for (const { run } of due) run();
  };
  return { timers, late, fire };
};

describe("DMN-16 the handshake", () => {
  it("answers the challenge of its own socket with who it is, what it can and what it runs", async () => {
    const signed: string[] = [];
    const { hub, connected, uplink } = await openUplink({
      sign: (text) => {
        signed.push(text);
        return "c2lnbmF0dXJl";
      },
    });
    await connected();
    expect(uplink.isConnected).toBe(true);
    const hello = await hub.next("hello");
    expect(hello).toMatchObject({
      protocolVersions: [1],
      nodeId: "node",
      spaceId: "space-1",
      incarnation: "incarnation-000001",
      journalId: "journal",
      journalSequence: 7,
      runningTurns: [{ threadId: "t", turnId: "u" }],
      capabilities: { hostname: "box" },
      signature: "c2lnbmF0dXJl",
    });
    expect(signed).toEqual([
      ["muster-uplink-hello-1", "space-1", "node", "incarnation-000001", hub.current.nonce].join("\0"),
    ]);
  });

  it("says a new hello over a new nonce after a loss, as the same process", async () => {
    const { hub, connected, seen } = await openUplink();
    await connected();
    hub.current.socket.terminate();
    await connected(2);
    expect(seen.disconnected).toBe(1);
    expect(hub.sockets[0]?.nonce).not.toBe(hub.sockets[1]?.nonce);
    expect(hub.all("hello").map(({ incarnation }) => incarnation)).toEqual([
      "incarnation-000001",
      "incarnation-000001",
    ]);
  });

  it("gives up on a hub that does not answer within 5 s, and tries again", async () => {
    const { timers, late, fire } = impatientTimers();
    const hub = await openHub();
    hub.behaviour.greets = false;
    const { connected } = await openUplink({}, timers, hub);
    await until("the first socket", () => hub.sockets.length === 1 && late.some(({ delayMs }) => delayMs === 5_000));
    hub.behaviour.greets = true;
    fire(5_000);
    await connected();
    expect(hub.sockets).toHaveLength(2);
  });

  it("is there at once when the hub comes up a moment later", async () => {
    const { ScriptedHub: Hub } = await import("./testing/scripted-hub.ts");
    const reconnectedAfterMs = async (): Promise<number> => {
      const hub = await openHub();
      const port = Number(new URL(hub.url).port);
      await hub.close();
      const { connected, seen } = await openUplink({}, systemTimers, hub);
      const later = await new Hub().listen(port);
      atEnd(() => later.close());
      const startedMs = performance.now();
      await connected();
      expect(seen.stopped).toEqual([]);
      return performance.now() - startedMs;
    };
    expect(await best(1_500, reconnectedAfterMs)).toBeLessThan(1_500);
  });

  it("DMN-18 stops where no protocol version is in common", async () => {
    const hub = await openHub();
    hub.behaviour.greets = false;
    const { seen } = await openUplink({}, systemTimers, hub);
    await until("a socket", () => hub.sockets.length === 1);
    hub.current.send({ type: "challenge", nonce: "n".repeat(32), protocolVersions: [99] });
    await until("the stop", () => seen.stopped.length === 1);
    expect(seen.stopped[0]).toMatchObject({ code: "uplink.protocol_unsupported" });
  });
});

describe("DMN-18 closes", () => {
  it.each([
    ["unauthorized", "uplink.unauthorized"],
    ["featureUnavailable", "uplink.feature_unavailable"],
    ["featureParameterInvalid", "uplink.feature_unavailable"],
    ["featureParameterBelowFloor", "uplink.feature_unavailable"],
    ["protocolUnsupported", "uplink.protocol_unsupported"],
  ] as const)("%s stops for good and tells why", async (name, code) => {
    const hub = await openHub();
    hub.behaviour.answerHello = (_hello, socket) => socket.refuse(CLOSE_CODES[name], new MusterError(code));
    const { seen, uplink } = await openUplink({}, systemTimers, hub);
    await until("the stop", () => seen.stopped.length === 1);
    expect(seen.stopped[0]?.code).toBe(code);
    expect([uplink.isConnected, hub.sockets.length]).toEqual([false, 1]);
  });

  it("replaced on the newest connection stops and reports a clone", async () => {
    const { hub, seen, connected } = await openUplink();
    await connected();
    hub.current.socket.close(CLOSE_CODES.replaced);
    await until("the stop", () => seen.stopped.length === 1);
    expect(seen.stopped[0]?.code).toBe("already_running");
  });

  it("replaced on an older connection is ignored", async () => {
    const { hub, seen, connected, uplink } = await openUplink();
    await connected();
    const older = hub.current;
    uplink.reconnect();
    await connected(2);
    older.socket.close(CLOSE_CODES.replaced);
    hub.current.send({ type: "ping", nonce: "still there" });
    await hub.next("pong");
    expect([seen.stopped, uplink.isConnected]).toEqual([[], true]);
  });

  it("draining reconnects at once", async () => {
    const { timers, late } = impatientTimers();
    const { hub, connected } = await openUplink({}, timers);
    await connected();
    hub.current.socket.close(CLOSE_CODES.draining);
    await connected(2);
    expect(late.some(({ delayMs }) => delayMs === 1_000)).toBe(false);
  });

  it("too many backs off for some seconds", async () => {
    const { timers, late } = impatientTimers();
    const hub = await openHub();
    hub.behaviour.answerHello = (_hello, socket) => socket.refuse(CLOSE_CODES.tooMany, new MusterError("rate_limited"));
    await openUplink({}, timers, hub);
    await until("the pause", () =>
      late.some(({ delayMs }) => delayMs >= 5_000 && delayMs < 6_000 && delayMs !== 5_000),
    );
    expect(hub.sockets).toHaveLength(1);
  });
});

describe("DMN-16 lanes and life", () => {
  it("a heartbeat and an effect's result pass megabytes of bulk that nobody reads", async () => {
    const { timers, fire } = impatientTimers();
    const { hub, connected, uplink, seen } = await openUplink({}, timers);
    await connected();
    const stream = (hub.current.socket as unknown as { _socket: { pause(): void; resume(): void } })._socket;
    stream.pause();
    const large = (sequence: number) => ({
      journalId: "journal" as JournalId,
      firstSequence: sequence,
      entries: [
        {
          sequence,
          command: {
            type: "thread.activity.append" as const,
            threadId: "t" as ThreadId,
            turnId: null,
            tone: "info" as const,
            kind: "k",
            summary: "",
            payload: { text: "x".repeat(700_000) },
          },
          correlationId: null,
          createdAt: "",
        },
      ],
    });
    let sent = 0;
    while (uplink.sendIngest(large(sent + 1))) sent += 1;
    expect(sent).toBeGreaterThan(4);
    // Live text is not worth a queue.
    uplink.sendDelta({
      threadId: "t" as ThreadId,
      turnId: "u" as TurnId,
      messageId: "m" as never,
      offset: 0,
      text: "live",
    });
    fire(15_000);
    stream.resume();
    await hub.next("ingest.batch", sent);
    const types = hub.current.frames.map(({ type }) => type);
    // The queue alone holds 4 MiB: the heartbeat came before all of it.
    expect(
      types.slice(types.indexOf("heartbeat")).filter((type) => type === "ingest.batch").length,
    ).toBeGreaterThanOrEqual(5);
    expect(hub.all("delta")).toEqual([]);
    await until("room again", () => seen.drained === 1);
    expect(uplink.sendIngest(large(sent + 1))).toBe(true);
  });

  it("asks after 15 s of silence and gives up after 45 s, then comes back", async () => {
    let nowMs = 0;
    const { timers, fire } = impatientTimers();
    const { hub, connected, seen } = await openUplink({}, { ...timers, nowMs: () => nowMs });
    await connected();
    nowMs = 15_000;
    fire(5_000);
    await hub.next("ping");
    await until("the pong", () => hub.all("ping").length === 1);
    // The pong counts from now on; then the hub is silent.
    hub.current.socket.removeAllListeners("message");
    nowMs = 61_000;
    fire(5_000);
    await connected(2);
    expect(seen.disconnected).toBe(1);
  });

  it("is healthy after a minute: then counting of failures begins anew", async () => {
    const { timers, late, fire } = impatientTimers();
    const { connected } = await openUplink({}, timers);
    await connected();
    expect(late.some(({ delayMs }) => delayMs === 60_000)).toBe(true);
    fire(60_000);
  });

  it("close ends the socket and every timer, and comes back never", async () => {
    const { timers, late } = impatientTimers();
    const { hub, connected, uplink } = await openUplink({}, timers);
    await connected();
    await uplink.close();
    await uplink.close();
    await until("the end", () => hub.current.closeCode !== undefined);
    expect(late).toEqual([]);
    expect(uplink.isConnected).toBe(false);
    expect(hub.sockets).toHaveLength(1);
  });
});

describe("effects and questions", () => {
  it("are answered by result or by the code of their error, never by text of an unexpected one", async () => {
    const { hub, connected } = await openUplink({
      runEffect: async (effectId) => {
        if (effectId === "refused") throw new MusterError("workspace_not_allowed");
        if (effectId === "bug") throw new Error("secret path");
      },
    });
    await connected();
    const effect = { kind: "node.session.stop" as const, threadId: "t" as ThreadId, correlationId: null };
    for (const effectId of ["fine", "refused", "bug"]) hub.run(effectId, effect, 4);
    await hub.next("effect.result", 3);
    expect(hub.result("fine")).toMatchObject({ fence: 4, epoch: 1 });
    expect(hub.result("fine")?.error).toBeUndefined();
    expect(hub.result("refused")?.error).toMatchObject({ code: "workspace_not_allowed", retryable: false });
    expect(hub.result("bug")?.error).toMatchObject({ code: "internal_error", retryable: true });
    expect(JSON.stringify(hub.result("bug"))).not.toContain("secret path");
  });

  it("an effect that ends after a reconnect is answered on the new connection", async () => {
    let finish = (): void => {};
    const { hub, connected } = await openUplink({ runEffect: () => new Promise((resolve) => (finish = resolve)) });
    await connected();
    hub.run("slow", { kind: "node.session.stop", threadId: "t" as ThreadId, correlationId: null });
    await until("the effect", () => finish.length === 0 && hub.sockets.length === 1);
    hub.current.socket.terminate();
    await connected(2);
    finish();
    await until("its result", () => hub.result("slow") !== undefined);
    expect(hub.current.frames.map(({ type }) => type)).toContain("effect.result");
  });

  it("a question is answered, cancelled or refused as busy", async () => {
    const signals: AbortSignal[] = [];
    const { hub, connected } = await openUplink({
      answer: (request, signal) => {
        signals.push(signal);
        return request.method === "workspace.check" && request.path === "/now"
          ? Promise.resolve({ path: "/real" })
          : new Promise(() => {});
      },
    });
    await connected();
    const ask = (requestId: string, path: string) =>
      hub.current.send({ type: "request", requestId, request: { method: "workspace.check", path } });
    ask("one", "/now");
    expect(await hub.next("response")).toMatchObject({ requestId: "one", result: { path: "/real" } });
    ask("two", "/never");
    await until("the question", () => signals.length === 2);
    hub.current.send({ type: "cancel", requestId: "two" });
    await until("the cancel", () => signals[1]?.aborted === true);
    for (let index = 0; index < 33; index += 1) ask(`many-${index}`, "/never");
    expect((await hub.next("response", 2)).error?.code).toBe("queue_full");
  });

  it("an answer too large for any frame is answered so", async () => {
    const { hub, connected } = await openUplink({ answer: async () => "x".repeat(9_000_000) });
    await connected();
    hub.current.send({ type: "request", requestId: "r", request: { method: "workspace.check", path: "/" } });
    expect((await hub.next("response")).error?.code).toBe("file_too_large");
  });

  it("an answer of some megabytes goes in chunks", async () => {
    const { hub, connected } = await openUplink({ answer: async () => "é".repeat(2_000_000) });
    await connected();
    hub.current.send({ type: "request", requestId: "r", request: { method: "workspace.check", path: "/" } });
    expect((await hub.next("response")).result).toBe("é".repeat(2_000_000));
  });
});

it("an address that is none is refused at once", async () => {
  await expect(openUplink({}, systemTimers, { url: "ftp://nowhere" } as ScriptedHub)).rejects.toMatchObject({
    code: "validation_failed",
  });
});
