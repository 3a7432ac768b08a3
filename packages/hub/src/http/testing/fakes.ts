// The hub's ports in memory, as small as a test of the server needs: they remember what they were asked and answer
// what they were told.
import { randomUUID } from "node:crypto";
import type { ClientCommand, DispatchResult, FeedMessage, PrincipalId, SessionId, SpaceId } from "@muster/contracts";
import { MusterError } from "@muster/contracts";
import type { Caller, FeedItem, NodeFiles, Nodes, Orchestration } from "../../ports.ts";

export const GENERATION = "generation-1";

const unused = (name: string) => () => {
  throw new Error(`the server must not call ${name}`);
};

/** A feed that gives what is pushed and waits in between, counting what was pulled from it. */
export class FakeFeed {
  pulled = 0;
  returned = false;
  aborted = false;
  readonly input: Parameters<Orchestration["feed"]>[1];
  readonly #items: FeedItem[] = [];
  #wake: (() => void) | undefined;
  #ended = false;

  constructor(input: Parameters<Orchestration["feed"]>[1]) {
    this.input = input;
    input.signal.addEventListener("abort", () => {
      this.aborted = true;
      this.#wake?.();
    });
  }

  push(...items: FeedItem[]): void {
    this.#items.push(...items);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *items(): AsyncGenerator<FeedItem> {
    try {
      for (;;) {
        const item = this.#items.shift();
        if (item !== undefined) {
          this.pulled += 1;
          yield item;
        } else if (this.#ended || this.aborted) return;
        else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } finally {
      this.returned = true;
    }
  }
}

export const synchronized: FeedMessage = { type: "synchronized", generation: GENERATION, sequence: 0 };

export class FakeOrchestration implements Orchestration {
  readonly dispatched: { readonly caller: Caller; readonly command: ClientCommand }[] = [];
  readonly reads: { readonly name: string; readonly input: unknown }[] = [];
  readonly feeds: FakeFeed[] = [];
  /** What a new feed gives at once. */
  firstItems: readonly FeedItem[] = [{ message: synchronized }];
  /** Thrown by whatever is asked next, when set. */
  failure: Error | undefined;
  /** Awaited by dispatch. */
  gate: Promise<void> = Promise.resolve();
  sequence = 0;
  /** What opening any thread is answered with, when set. */
  threadBytes: Uint8Array | undefined;
  /** Calls of dispatch, answered or not. */
  dispatchCalls = 0;

  async dispatch(caller: Caller, command: ClientCommand): Promise<DispatchResult> {
    this.dispatchCalls += 1;
    await this.gate;
    this.#fail();
    const known = this.dispatched.some((earlier) => earlier.command.commandId === command.commandId);
    if (!known) this.sequence += 1;
    this.dispatched.push({ caller, command });
    return { generation: GENERATION, sequence: this.sequence, receipt: known ? "duplicate" : "accepted" };
  }

  async getSnapshot(_caller: Caller, input: unknown) {
    this.#read("getSnapshot", input);
    return {
      generation: GENERATION,
      snapshotSequence: this.sequence,
      projects: [],
      threads: [],
      page: { before: null, hasMore: false },
      updatedAt: null,
    };
  }

  getThread = async (_caller: Caller, input: unknown) => {
    this.#read("getThread", input);
    throw new MusterError("thread_not_found");
  };

  getThreadBytes = async (_caller: Caller, input: unknown) => {
    this.#read("getThreadBytes", input);
    if (this.threadBytes === undefined) throw new MusterError("thread_not_found");
    return this.threadBytes;
  };

  getMessage = async (_caller: Caller, input: unknown) => {
    this.#read("getMessage", input);
    throw new MusterError("message_not_found");
  };

  getActivity = async (_caller: Caller, input: unknown) => {
    this.#read("getActivity", input);
    throw new MusterError("activity_not_found");
  };

  async getTurnDiff(
    _caller: Caller,
    input: {
      threadId: Parameters<Orchestration["getTurnDiff"]>[1]["threadId"];
      fromTurnCount: number;
      toTurnCount: number;
    },
  ) {
    this.#read("getTurnDiff", input);
    return { ...input, files: [], diff: "", truncated: false };
  }

  async getEventsPage(_caller: Caller, input: { after: number; limit: number }) {
    this.#read("getEventsPage", input);
    return { generation: GENERATION, events: [], nextAfter: input.after, hasMore: false };
  }

  async prune(_caller: Caller, input: { olderThanDays?: number; dryRun: boolean }) {
    this.#read("prune", input);
    const none = { threads: 0, events: 0, diffs: 0, receipts: 0, effects: 0, bytesFreed: 0, next: null };
    return { dryRun: input.dryRun, olderThanDays: 30, ...none, store: { sizeBytes: 0, reusableBytes: null } };
  }

  async *feed(_caller: Caller, input: Parameters<Orchestration["feed"]>[1]): AsyncGenerator<FeedItem> {
    this.#fail();
    const feed = new FakeFeed(input);
    this.feeds.push(feed);
    feed.push(...this.firstItems);
    yield* feed.items();
  }

  head() {
    return { generation: GENERATION, headSequence: this.sequence, isFailing: false };
  }

  projections = unused("projections");
  rebuildProjections = unused("rebuildProjections");
  ingest = unused("ingest");
  ingestCursor = unused("ingestCursor");
  publishDelta = unused("publishDelta");
  publishCall = unused("publishCall");
  publishPresence = unused("publishPresence");
  effectResult = unused("effectResult");
  reconcileNode = unused("reconcileNode");
  settleLost = unused("settleLost");
  nodeConnected = unused("nodeConnected");
  close = async () => {};

  #read(name: string, input: unknown): void {
    this.reads.push({ name, input });
    this.#fail();
  }

  #fail(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}

export class FakeNodes implements Nodes {
  readonly listed: {
    readonly spaceId: SpaceId;
    readonly sessionIds: readonly SessionId[];
    readonly ownerId?: PrincipalId;
  }[] = [];

  async list(spaceId: SpaceId, sessionIds: readonly SessionId[]) {
    this.listed.push({ spaceId, sessionIds });
    return [];
  }

  async fleet({ spaceId, ownerId }: { spaceId: SpaceId; ownerId: PrincipalId }, sessionIds: readonly SessionId[]) {
    this.listed.push({ spaceId, sessionIds, ownerId });
    return { nodes: [], inNoSession: [] };
  }

  enrol = unused("enrol");
  publicKey = unused("publicKey");
  connected = unused("connected");
  place = unused("place");
  heartbeat = unused("heartbeat");
  capabilities = unused("capabilities");
  disconnected = unused("disconnected");
  attach = unused("attach");
  beat = unused("beat");
  declare = unused("declare");
  detach = async () => {};
  revoke = unused("revoke");
  close = async () => {};
}

/** No project is anybody's. */
export class FakeNodeFiles implements NodeFiles {
  readonly asked: unknown[] = [];

  tree = (_caller: Caller, input: unknown): Promise<never> => this.#refuse(input);
  read = (_caller: Caller, input: unknown): Promise<never> => this.#refuse(input);

  async #refuse(input: unknown): Promise<never> {
    this.asked.push(input);
    throw new MusterError("project_not_found");
  }
}

export const deleteCommand = (overrides: Readonly<Record<string, unknown>> = {}) => ({
  type: "project.delete",
  commandId: randomUUID(),
  projectId: "project-1",
  ...overrides,
});
