// The contract's procedures over the hub's ports. Each is a few lines: input is parsed, the caller is known and allowed
// when a handler runs; what a handler decides belongs to the port it calls.
import { type Health, MusterError } from "@muster/contracts";
import type { Clock } from "@muster/core";
import type { FailureLimiter } from "../identity/index.ts";
import type { Audit, Identity, Invites, NodeFiles, Nodes, Orchestration, Sessions, Tokens } from "../ports.ts";
import { builder, callerOf, given } from "./builder.ts";
import { callerShare, failureKey } from "./caller-address.ts";
import { setCookie } from "./cookie.ts";
import type { EventStreams } from "./event-streams.ts";
import { follow } from "./feed.ts";
import { loginUrl } from "./login-link.ts";
import { PreparedAnswer, PreparedFeed } from "./prepared.ts";
import { inviteProcedures } from "./procedures/invites.ts";
import { nodeFileProcedures } from "./procedures/node-files.ts";
import { runtimeNodeProcedures } from "./procedures/runtime-nodes.ts";
import { sessionProcedures } from "./procedures/sessions.ts";
import { auditProcedures, tokenProcedures } from "./procedures/tokens.ts";

export type { RequestContext } from "./builder.ts";

export interface ProcedureOptions {
  readonly identity: Identity;
  readonly orchestration: Orchestration;
  readonly nodes: Nodes;
  readonly sessions: Sessions;
  readonly invites: Invites;
  readonly nodeFiles: NodeFiles;
  readonly tokens: Tokens;
  readonly audit: Audit;
  readonly version: string;
  readonly clock: Clock;
  readonly startedAt: number;
  readonly streams: EventStreams;
  readonly loginFailures: FailureLimiter;
  /** Whether a proxy on this machine says whose requests it hands on. */
  readonly isBehindProxy: boolean;
  /** Known once the server listens. */
  readonly site: () => { readonly baseUrl: string; readonly cookieName: string; readonly secure: boolean };
  readonly integrity: () => NonNullable<Health["database"]>;
}

/** As the contract has it for `after`. */
const POSITION_MAX_CHARACTERS = 128;

/** Last-Event-ID as a browser sends it when it comes back; an empty one says that it has seen none. */
const readPosition = (lastEventId: string | undefined): { readonly lastEventId?: string } => {
  if (lastEventId === undefined || lastEventId === "") return {};
  if (lastEventId.length > POSITION_MAX_CHARACTERS) {
    const issues = [{ path: "Last-Event-ID", message: `at most ${POSITION_MAX_CHARACTERS} characters` }];
    throw new MusterError("validation_failed", undefined, { issues });
  }
  return { lastEventId };
};

const authProcedures = ({ identity, loginFailures, isBehindProxy, site }: ProcedureOptions) => ({
  redeem: builder.auth.redeem.handler(async ({ input, context }) => {
    const address = failureKey(callerShare(context.request, isBehindProxy));
    loginFailures.check(address);
    const redeemed = await identity.redeemLoginToken(input.token).catch((error: unknown) => {
      if (error instanceof MusterError && error.code === "login_link_invalid") loginFailures.recordFailure(address);
      throw error;
    });
    // The login that this browser had before is replaced, so it must not stay good.
    await identity.logout({ cookie: context.credentials.cookie });
    const { cookieName, secure } = site();
    context.response.setHeader(
      "set-cookie",
      setCookie({ name: cookieName, value: redeemed.cookieToken, maxAgeSeconds: redeemed.maxAgeSeconds, secure }),
    );
    return identity.me(redeemed.caller);
  }),
  me: builder.auth.me.handler(({ context }) => identity.me(callerOf(context))),
  logout: builder.auth.logout.handler(async ({ context }) => {
    await identity.logout({ cookie: context.credentials.cookie });
    const { cookieName, secure } = site();
    context.response.setHeader("set-cookie", setCookie({ name: cookieName, value: "", maxAgeSeconds: 0, secure }));
    return { loggedOut: true as const };
  }),
  createLoginLink: builder.auth.createLoginLink.handler(async ({ context }) => {
    const caller = callerOf(context);
    if (caller.roles.get(caller.defaultSessionId) !== "owner") throw new MusterError("permission_denied");
    // A service has no browser: the command line asks for the owner who sits before it.
    const principalId = identity.standsFor(caller);
    const { token, expiresAt } = await identity.createLoginToken({
      spaceId: caller.spaceId,
      principalId,
      madeWith: caller,
    });
    return { loginUrl: loginUrl(site().baseUrl, token), expiresAt };
  }),
});

const orchestrationProcedures = ({ orchestration, streams }: ProcedureOptions) => ({
  dispatchCommand: builder.orchestration.dispatchCommand.handler(({ input, context }) =>
    orchestration.dispatch(callerOf(context), input),
  ),
  getSnapshot: builder.orchestration.getSnapshot.handler(({ input, context }) =>
    orchestration.getSnapshot(callerOf(context), given(input)),
  ),
  getThread: builder.orchestration.getThread.handler(async ({ input, context }) => {
    throw new PreparedAnswer(await orchestration.getThreadBytes(callerOf(context), given(input)));
  }),
  getMessage: builder.orchestration.getMessage.handler(({ input, context }) =>
    orchestration.getMessage(callerOf(context), input),
  ),
  getActivity: builder.orchestration.getActivity.handler(({ input, context }) =>
    orchestration.getActivity(callerOf(context), input),
  ),
  getTurnDiff: builder.orchestration.getTurnDiff.handler(({ input, context }) =>
    orchestration.getTurnDiff(callerOf(context), input),
  ),
  events: builder.orchestration.events.handler(async ({ input, context, lastEventId }) => {
    const caller = callerOf(context);
    const { response, credentials } = context;
    const position = readPosition(lastEventId);
    const stream = streams.open({ caller, credentials, response });
    const feed = orchestration.feed(caller, { ...given({ ...input, ...position }), signal: stream.signal });
    throw new PreparedFeed(await follow({ feed, stream, head: () => orchestration.head() }));
  }),
  eventsPage: builder.orchestration.eventsPage.handler(({ input, context }) =>
    orchestration.getEventsPage(callerOf(context), given(input)),
  ),
  prune: builder.orchestration.prune.handler(({ input, context }) =>
    orchestration.prune(callerOf(context), given(input)),
  ),
});

/** The contract, implemented. */
export const createRouter = (options: ProcedureOptions) => {
  const { identity, orchestration, nodes, version, clock, startedAt, integrity } = options;
  return builder.router({
    health: builder.health.handler(() => {
      const { generation, headSequence, isFailing } = orchestration.head();
      const database = integrity();
      const status = isFailing || database === "damaged" ? ("failing" as const) : ("ok" as const);
      return {
        status,
        version,
        generation,
        headSequence,
        uptimeMs: Math.max(0, Math.floor(clock.now() - startedAt)),
        database,
      };
    }),
    auth: authProcedures(options),
    orchestration: orchestrationProcedures(options),
    projections: {
      get: builder.projections.get.handler(() => orchestration.projections()),
      rebuild: builder.projections.rebuild.handler(({ input }) => orchestration.rebuildProjections(input.projector)),
    },
    sessions: sessionProcedures(options),
    invites: inviteProcedures(options),
    tokens: tokenProcedures(options),
    audit: auditProcedures(options),
    nodes: {
      list: builder.nodes.list.handler(async ({ context }) => {
        const caller = callerOf(context);
        const by = { spaceId: caller.spaceId, ownerId: identity.standsFor(caller) };
        return nodes.fleet(by, [...caller.roles.keys()]);
      }),
    },
    runtimeNode: runtimeNodeProcedures(options),
    node: { files: nodeFileProcedures(options) },
  });
};
