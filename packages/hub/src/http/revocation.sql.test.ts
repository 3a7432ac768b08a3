// What ends with a token, a role or a session: the next request, and every stream that is open with it.

import type { PrincipalId } from "@muster/contracts";
import { best, until } from "@muster/core/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createToken, hashToken } from "../identity/index.ts";
import { random, START } from "../identity/testing/opened.ts";
import { onBothDatabases } from "../schema/test-databases.ts";
import { type Served, serve } from "./testing/served.ts";

let served: Served;
let here: string;
beforeEach(async () => {
  served = await serve();
  const [space] = await served.opened.query("SELECT default_session_id FROM spaces");
  here = String(space?.["default_session_id"]);
});
afterEach(async () => {
  await served.close();
});

const bearer = async (principalId: PrincipalId) => {
  const token = createToken(random);
  const at = new Date(START).toISOString();
  await served.opened.run(
    "INSERT INTO tokens SELECT ?, space_id, ?, '[\"api\"]', 'test', ?, NULL, NULL, NULL FROM spaces",
    hashToken(token),
    principalId,
    at,
  );
  return { headers: { authorization: `Bearer ${token}` }, tokenId: hashToken(token).slice(0, 16) };
};

/** An open stream; resolves with all that it carried when it ends. */
const follow = async (headers: Readonly<Record<string, string>>) => {
  const response = await served.fetch("/api/v1/orchestration/events", { headers });
  expect(response.status).toBe(200);
  return { ended: response.text() };
};

onBothDatabases("an open stream of events ends", () => {
  it("within a second of its API token's revocation, and is told why; the next request is refused", async () => {
    const took = await best(1_000, async () => {
      const { headers, tokenId } = await bearer(await served.addPrincipal("human", "collaborator"));
      const stream = await follow(headers);
      const revoked = await served.api(`/tokens/${tokenId}/revoke`, {});
      expect(revoked.status).toBe(200);
      const since = performance.now();
      expect((await served.fetch("/api/v1/auth/me", { headers })).status).toBe(401);
      expect(await stream.ended).toContain('"reason":"membership"');
      return performance.now() - since;
    });
    expect(took).toBeLessThan(1_000);
  });

  it("NOD-2 when its principal is suspended, leaves, or its session is closed, while others' go on", async () => {
    const api = async (path: string, body: object) => expect((await served.api(path, body)).status).toBe(200);
    const other = await follow((await bearer(await served.addPrincipal("human", "viewer"))).headers);
    let isOver = false;
    void other.ended
      .then(() => {
        isOver = true;
      })
      .catch(() => undefined);
    const suspended = await served.addPrincipal("human", "collaborator");
    const leaving = await bearer(await served.addPrincipal("human", "collaborator"));
    const streams = [await follow((await bearer(suspended)).headers), await follow(leaving.headers)];
    await api(`/sessions/${here}/members/${suspended}`, { state: "suspended" });
    const left = await served.fetch(`/api/v1/sessions/${here}/leave`, {
      method: "POST",
      headers: { ...leaving.headers, "content-type": "application/json" },
      body: "{}",
    });
    expect(left.status).toBe(200);
    for (const stream of streams) expect(await stream.ended).toContain('"reason":"membership"');
    for (const headers of [leaving.headers])
      expect((await served.fetch("/api/v1/orchestration/snapshot", { headers })).status).toBe(403);

    const { sessionId } = (await (await served.api("/sessions", { title: "Short" })).json()) as { sessionId: string };
    const member = await served.addPrincipal("human", null);
    await served.opened.run(
      "INSERT INTO session_memberships SELECT space_id, ?, ?, 'viewer', 'active', '', '' FROM spaces",
      sessionId,
      member,
    );
    const closing = await follow((await bearer(member)).headers);
    await api(`/sessions/${sessionId}`, { state: "closed" });
    expect(await closing.ended).toContain('"reason":"membership"');
    expect(isOver).toBe(false);
  });
});

onBothDatabases("a request whose body is held open", () => {
  const heldOpen = (headers: Readonly<Record<string, string>>, path: string, body: string) => {
    const head = [
      `POST /api/v1${path} HTTP/1.1`,
      `host: 127.0.0.1:${served.listening.port}`,
      `authorization: ${headers["authorization"]}`,
      "content-type: application/json",
      `content-length: ${body.length}`,
      "connection: close",
    ];
    return served.raw(`${head.join("\r\n")}\r\n\r\n${body.slice(0, -1)}`);
  };

  /** The hub knows who sends the request, and waits for the rest of it. */
  const lookedAt = (tokenId: string) =>
    until("the token's use is written down", async () => {
      const [row] = await served.opened.query("SELECT last_used_at FROM tokens WHERE token_hash LIKE ?", `${tokenId}%`);
      return row?.["last_used_at"] !== null;
    });

  it("NOD-2 does nothing once its token is revoked", async () => {
    const { headers, tokenId } = await bearer(await served.addPrincipal("human", "owner"));
    const body = '{"title":"made by nobody"}';
    const held = heldOpen(headers, "/sessions", body);
    await lookedAt(tokenId);
    expect((await served.api(`/tokens/${tokenId}/revoke`, {})).status).toBe(200);
    served.opened.clock.advance(1_000);
    held.socket.write(body.slice(-1));
    expect(await held.closed).toContain("401 Unauthorized");
    expect(await served.opened.query("SELECT title FROM sessions WHERE title = 'made by nobody'")).toEqual([]);
  });

  it("NOD-2 counts for the role that is held at its end", async () => {
    const participantId = await served.addPrincipal("human", "owner");
    const { headers, tokenId } = await bearer(participantId);
    const body = "{}";
    const held = heldOpen(headers, "/auth/login-links", body);
    await lookedAt(tokenId);
    expect((await served.api(`/sessions/${here}/members/${participantId}`, { role: "viewer" })).status).toBe(200);
    served.opened.clock.advance(1_000);
    held.socket.write(body.slice(-1));
    expect(await held.closed).toContain("403 Forbidden");
  });
});
