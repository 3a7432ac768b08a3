// A server that really listens, over a real identity and the ports in memory, with the requests tests make of it.

import { readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import type { PrincipalId, PrincipalKind, Role } from "@muster/contracts";
import type { Ids } from "@muster/core";
import { createIds } from "@muster/core";
import { createAudit, createTokens } from "../../identity/index.ts";
import { type Opened, openTestIdentity, random, START } from "../../identity/testing/opened.ts";
import { createInvites, createSessions } from "../../sessions/index.ts";
import {
  createHttpServer,
  type HttpServer,
  type HttpServerOptions,
  type Listening,
  type ListenOptions,
} from "../index.ts";
import { FakeNodeFiles, FakeNodes, FakeOrchestration } from "./fakes.ts";

export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly fields: object;
  readonly message: string;
}

export interface Served {
  readonly server: HttpServer;
  readonly listening: Listening;
  readonly opened: Opened;
  readonly orchestration: FakeOrchestration;
  readonly nodes: FakeNodes;
  /** The real ones, over the real identity's database. */
  readonly people: Pick<HttpServerOptions, "sessions" | "invites" | "tokens" | "audit">;
  readonly ids: Ids;
  readonly lines: LogLine[];
  /** The command line's bearer header. */
  readonly bearer: { readonly authorization: string };
  /** `path` starts with a slash; Host and everything else as fetch makes it. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** GET or, with a body, POST below /api/v1 with the command line's token. */
  api(path: string, body?: unknown): Promise<Response>;
  /** Logs in as a principal and answers the headers of a browser that did. */
  browser(principalId?: PrincipalId): Promise<{ readonly cookie: string; readonly origin: string }>;
  addPrincipal(kind: PrincipalKind, role: Role | null): Promise<PrincipalId>;
  /** Sends bytes as they are. */
  raw(bytes: string): RawConnection;
  close(): Promise<void>;
}

export interface RawConnection {
  readonly socket: Socket;
  /** All that was received when the other side closed. */
  readonly closed: Promise<string>;
  /** Resolves with all that was received once it holds the text. */
  until(text: string): Promise<string>;
}

const rawConnection = (port: number, bytes: string): RawConnection => {
  const socket = connect({ host: "127.0.0.1", port });
  let received = "";
  const waiting = new Set<() => void>();
  socket.setEncoding("latin1");
  socket.on("data", (chunk: string) => {
    received += chunk;
    for (const look of waiting) look();
  });
  // A refused request may be answered by a reset; what came before counts.
  socket.on("error", () => socket.destroy());
  const closed = new Promise<string>((resolve) => socket.on("close", () => resolve(received)));
  socket.write(bytes);
  return {
    socket,
    closed,
    until: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (received.includes(text)) resolve(received);
        };
        waiting.add(look);
        look();
        socket.on("close", () => reject(new Error(`closed before ${JSON.stringify(text)} came: ${received}`)));
      }),
  };
};

export const serve = async (
  options: Partial<HttpServerOptions> = {},
  where: ListenOptions = { port: 0 },
): Promise<Served> => {
  const opened = await openTestIdentity();
  const ids = createIds(opened.clock, random);
  const orchestration = new FakeOrchestration();
  const nodes = new FakeNodes();
  const { store, clock, identity } = opened;
  const stored = { store, clock, ids, random, identity };
  const people = {
    sessions: createSessions(stored),
    invites: createInvites(stored),
    tokens: createTokens(stored),
    audit: createAudit(stored),
  };
  const lines: LogLine[] = [];
  const write = (level: LogLine["level"]) => (fields: object, message: string) => {
    lines.push({ level, fields, message });
  };
  const server = createHttpServer({
    identity: opened.identity,
    orchestration,
    nodes,
    ...people,
    nodeFiles: new FakeNodeFiles(),
    version: "0.1.0-test",
    consoleDirectory: undefined,
    log: { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") },
    clock: opened.clock,
    ids,
    ...options,
  });
  const listening = await server.listen(where);
  const bearer = { authorization: `Bearer ${(await readFile(opened.identity.cliTokenFile, "utf8")).trim()}` };
  const base = `http://127.0.0.1:${listening.port}`;
  const fetchHere = (path: string, init?: RequestInit) => fetch(`${base}${path}`, init);
  return {
    server,
    listening,
    opened,
    orchestration,
    nodes,
    people,
    ids,
    lines,
    bearer,
    fetch: fetchHere,
    api: (path, body) =>
      fetchHere(`/api/v1${path}`, {
        headers: { ...bearer, ...(body === undefined ? {} : { "content-type": "application/json" }) },
        ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
      }),
    browser: async (principalId = opened.identity.ownerId) => {
      const { token } = await opened.identity.createLoginToken({ spaceId: opened.identity.spaceId, principalId });
      const { cookieToken } = await opened.identity.redeemLoginToken(token);
      return { cookie: `muster_${listening.port}=${cookieToken}`, origin: base };
    },
    addPrincipal: async (kind, role) => {
      const id = ids.next() as PrincipalId;
      const at = new Date(START).toISOString();
      await opened.run(
        "INSERT INTO principals VALUES (?, ?, ?, ?, ?, NULL)",
        opened.identity.spaceId,
        id,
        kind,
        kind,
        at,
      );
      if (role !== null) {
        await opened.run(
          "INSERT INTO session_memberships SELECT space_id, default_session_id, ?, ?, 'active', ?, ? FROM spaces",
          id,
          role,
          at,
          at,
        );
      }
      return id;
    },
    raw: (bytes) => rawConnection(listening.port, bytes),
    close: async () => {
      await server.close();
      await opened.close();
    },
  };
};
