// The hub's HTTP API as one contract: paths, inputs, outputs, typed errors and who may call. Server, client,
// OpenAPI document and the CLI follow from it. Paths stand below API_PREFIX.
import { eventIterator } from "@orpc/contract";
import { z } from "zod";
import { ClientCommand, DispatchResult } from "./commands.ts";
import { EventId, MessageId, ProjectId, ThreadId } from "./ids.ts";
import { inviteProcedures } from "./invites.ts";
import { nodeFileProcedures } from "./node-files.ts";
import { procedure, queryFlag, queryInteger } from "./procedure.ts";
import { Projections, ProjectorName, Rebuild } from "./projections.ts";
import {
  EVENTS_PAGE_MAX,
  EventsPage,
  FeedMessage,
  Fleet,
  Health,
  Me,
  SNAPSHOT_THREADS_MAX,
  Snapshot,
  THREAD_TURNS_DEFAULT,
  THREAD_TURNS_MAX,
  ThreadWindow,
  TurnDiff,
} from "./reads.ts";
import { PruneInput, PruneReport } from "./retention.ts";
import { ActivityRow, MessageRow } from "./rows.ts";
import { runtimeNodeProcedures } from "./runtime-nodes.ts";
import { sessionProcedures } from "./sessions.ts";
import { auditProcedures, tokenProcedures } from "./tokens.ts";

export const API_PREFIX = "/api/v1";
/** Largest request body the API reads. */
export const BODY_MAX_BYTES = 1024 * 1024;

export const contract = {
  health: procedure("health")
    .route({ method: "GET", path: "/health", summary: "Whether the hub serves", tags: ["health"] })
    .output(Health),
  auth: {
    redeem: procedure("auth.redeem")
      .route({
        method: "POST",
        path: "/auth/redeem",
        summary: "Trade a one-time login link for a cookie",
        tags: ["auth"],
      })
      .input(z.strictObject({ token: z.string().min(1).max(256) }))
      .output(Me),
    me: procedure("auth.me")
      .route({ method: "GET", path: "/auth/me", summary: "Who the caller is", tags: ["auth"] })
      .output(Me),
    logout: procedure("auth.logout")
      .route({ method: "POST", path: "/auth/logout", summary: "End the login of this browser", tags: ["auth"] })
      .output(z.object({ loggedOut: z.literal(true) })),
    createLoginLink: procedure("auth.createLoginLink")
      .route({ method: "POST", path: "/auth/login-links", summary: "Make a one-time login link", tags: ["auth"] })
      .output(z.object({ loginUrl: z.string(), expiresAt: z.string() })),
  },
  orchestration: {
    dispatchCommand: procedure("orchestration.dispatchCommand")
      .route({
        method: "POST",
        path: "/orchestration/commands",
        summary: "Dispatch a command, once per commandId",
        tags: ["orchestration"],
      })
      .input(ClientCommand)
      .output(DispatchResult),
    getSnapshot: procedure("orchestration.getSnapshot")
      .route({
        method: "GET",
        path: "/orchestration/snapshot",
        summary: "Projects and threads",
        tags: ["orchestration"],
      })
      .input(
        z.strictObject({
          archived: queryFlag.optional(),
          before: z.string().max(256).optional(),
          projectId: ProjectId.optional(),
          limit: queryInteger(z.int().min(1).max(SNAPSHOT_THREADS_MAX)).default(SNAPSHOT_THREADS_MAX),
        }),
      )
      .output(Snapshot),
    getThread: procedure("orchestration.getThread")
      .route({
        method: "GET",
        path: "/orchestration/threads/{threadId}",
        summary: "A window of a thread's turns",
        tags: ["orchestration"],
      })
      .input(
        z.strictObject({
          threadId: ThreadId,
          turnLimit: queryInteger(z.int().min(1).max(THREAD_TURNS_MAX)).default(THREAD_TURNS_DEFAULT),
          before: z.string().max(256).optional(),
        }),
      )
      .output(ThreadWindow),
    getMessage: procedure("orchestration.getMessage")
      .route({
        method: "GET",
        path: "/orchestration/threads/{threadId}/messages/{messageId}",
        summary: "One message whole, where a window shows it cut",
        tags: ["orchestration"],
      })
      .input(z.strictObject({ threadId: ThreadId, messageId: MessageId }))
      .output(MessageRow),
    getActivity: procedure("orchestration.getActivity")
      .route({
        method: "GET",
        path: "/orchestration/threads/{threadId}/activities/{activityId}",
        summary: "One activity whole, where a window shows it cut",
        tags: ["orchestration"],
      })
      .input(z.strictObject({ threadId: ThreadId, activityId: EventId }))
      .output(ActivityRow),
    getTurnDiff: procedure("orchestration.getTurnDiff")
      .route({
        method: "GET",
        path: "/orchestration/threads/{threadId}/diff",
        summary: "What changed between two turns",
        tags: ["orchestration"],
      })
      .input(
        z.strictObject({
          threadId: ThreadId,
          fromTurnCount: queryInteger(z.int().min(0)),
          toTurnCount: queryInteger(z.int().min(0)),
        }),
      )
      .output(TurnDiff),
    events: procedure("orchestration.events")
      .route({
        method: "GET",
        path: "/orchestration/events",
        summary: "The live feed, as server-sent events",
        tags: ["orchestration"],
      })
      .input(
        z.strictObject({
          /** Sequence, or `<generation>:<sequence>`; Last-Event-ID wins over it. Absent: from the head. */
          after: z.string().max(128).optional(),
          threadId: ThreadId.optional(),
        }),
      )
      .output(eventIterator(FeedMessage)),
    eventsPage: procedure("orchestration.eventsPage")
      .route({
        method: "GET",
        path: "/orchestration/events/page",
        summary: "Older events in pages",
        tags: ["orchestration"],
      })
      .input(
        z.strictObject({
          after: queryInteger(z.int().min(0)).default(0),
          limit: queryInteger(z.int().min(1).max(EVENTS_PAGE_MAX)).default(100),
          threadId: ThreadId.optional(),
        }),
      )
      .output(EventsPage),
    prune: procedure("orchestration.prune")
      .route({
        method: "POST",
        path: "/orchestration/prune",
        summary: "Take out what archived and deleted threads no longer need, a part per call",
        tags: ["orchestration"],
      })
      .input(PruneInput)
      .output(PruneReport),
  },
  projections: {
    get: procedure("projections.get")
      .route({
        method: "GET",
        path: "/projections",
        summary: "How far projections have followed the log, and their rebuild",
        tags: ["projections"],
      })
      .output(Projections),
    rebuild: procedure("projections.rebuild")
      .route({
        method: "POST",
        path: "/projections/rebuild",
        summary: "Begin to make the rows of one or all projections anew from the log, while the hub serves",
        tags: ["projections"],
      })
      .input(z.strictObject({ projector: ProjectorName.optional() }))
      .output(Rebuild),
  },
  sessions: sessionProcedures,
  invites: inviteProcedures,
  tokens: tokenProcedures,
  audit: auditProcedures,
  nodes: {
    list: procedure("nodes.list")
      .route({
        method: "GET",
        path: "/nodes",
        summary: "Machines of the caller's sessions, and the caller's own that are in none of them",
        tags: ["nodes"],
      })
      .output(Fleet),
  },
  runtimeNode: runtimeNodeProcedures,
  node: { files: nodeFileProcedures },
};
export type MusterContract = typeof contract;
