// The hub's HTTP API as one contract: paths, inputs, outputs, typed errors and who may call. Server, client,
// OpenAPI document and the CLI follow from it. Paths stand below API_PREFIX.
import { eventIterator, oc } from "@orpc/contract";
import { z } from "zod";
import { ACCESS, type Access } from "./access.ts";
import { ClientCommand, DispatchResult } from "./commands.ts";
import { ERROR_CODES, ERRORS, type ErrorCode } from "./errors.ts";
import { EventId, MessageId, ProjectId, ThreadId } from "./ids.ts";
import { Projections, ProjectorName, Rebuild } from "./projections.ts";
import {
  EVENTS_PAGE_MAX,
  EventsPage,
  FeedMessage,
  Health,
  Me,
  NodeSummary,
  SNAPSHOT_THREADS_MAX,
  Snapshot,
  THREAD_TURNS_DEFAULT,
  THREAD_TURNS_MAX,
  ThreadWindow,
  TurnDiff,
} from "./reads.ts";
import { PruneInput, PruneReport } from "./retention.ts";
import { ActivityRow, MessageRow } from "./rows.ts";

export const API_PREFIX = "/api/v1";
/** Largest request body the API reads. */
export const BODY_MAX_BYTES = 1024 * 1024;

export interface ProcedureMeta {
  readonly access: Access;
}

const errorDetails = z.record(z.string(), z.unknown()).optional();

type ErrorMap = { [Code in ErrorCode]: { status: number; message: string; data: typeof errorDetails } };
const errorMap = Object.fromEntries(
  ERROR_CODES.map((code) => [code, { status: ERRORS[code].status, message: ERRORS[code].message, data: errorDetails }]),
) as ErrorMap;

const base = oc.$meta<ProcedureMeta>({ access: ACCESS.own }).errors(errorMap);
const open = base.meta({ access: ACCESS.public });
const read = base.meta({ access: ACCESS.read });
const write = base.meta({ access: ACCESS.write });
const own = base.meta({ access: ACCESS.own });

const queryFlag = z.preprocess((value) => (value === "true" ? true : value === "false" ? false : value), z.boolean());
const queryInteger = (schema: z.ZodNumber) =>
  z.preprocess(
    (value) => (typeof value === "string" && /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) : value),
    schema,
  );

export const contract = {
  health: open
    .route({ method: "GET", path: "/health", summary: "Whether the hub serves", tags: ["health"] })
    .output(Health),
  auth: {
    redeem: open
      .route({
        method: "POST",
        path: "/auth/redeem",
        summary: "Trade a one-time login link for a cookie",
        tags: ["auth"],
      })
      .input(z.strictObject({ token: z.string().min(1).max(256) }))
      .output(Me),
    me: read.route({ method: "GET", path: "/auth/me", summary: "Who the caller is", tags: ["auth"] }).output(Me),
    logout: read
      .route({ method: "POST", path: "/auth/logout", summary: "End the login of this browser", tags: ["auth"] })
      .output(z.object({ loggedOut: z.literal(true) })),
    createLoginLink: own
      .route({ method: "POST", path: "/auth/login-links", summary: "Make a one-time login link", tags: ["auth"] })
      .output(z.object({ loginUrl: z.string(), expiresAt: z.string() })),
  },
  orchestration: {
    dispatchCommand: write
      .route({
        method: "POST",
        path: "/orchestration/commands",
        summary: "Dispatch a command, once per commandId",
        tags: ["orchestration"],
      })
      .input(ClientCommand)
      .output(DispatchResult),
    getSnapshot: read
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
    getThread: read
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
    getMessage: read
      .route({
        method: "GET",
        path: "/orchestration/threads/{threadId}/messages/{messageId}",
        summary: "One message whole, where a window shows it cut",
        tags: ["orchestration"],
      })
      .input(z.strictObject({ threadId: ThreadId, messageId: MessageId }))
      .output(MessageRow),
    getActivity: read
      .route({
        method: "GET",
        path: "/orchestration/threads/{threadId}/activities/{activityId}",
        summary: "One activity whole, where a window shows it cut",
        tags: ["orchestration"],
      })
      .input(z.strictObject({ threadId: ThreadId, activityId: EventId }))
      .output(ActivityRow),
    getTurnDiff: read
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
    events: read
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
    eventsPage: read
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
    prune: own
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
    get: own
      .route({
        method: "GET",
        path: "/projections",
        summary: "How far projections have followed the log, and their rebuild",
        tags: ["projections"],
      })
      .output(Projections),
    rebuild: own
      .route({
        method: "POST",
        path: "/projections/rebuild",
        summary: "Begin to make the rows of one or all projections anew from the log, while the hub serves",
        tags: ["projections"],
      })
      .input(z.strictObject({ projector: ProjectorName.optional() }))
      .output(Rebuild),
  },
  nodes: {
    list: read
      .route({ method: "GET", path: "/nodes", summary: "Machines attached to the caller's sessions", tags: ["nodes"] })
      .output(z.object({ nodes: z.array(NodeSummary) })),
  },
};
export type MusterContract = typeof contract;
