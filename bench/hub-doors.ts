// What benchmarks measure of the hub, loaded by the doors of its folders: the package itself exports the whole hub only.
import type { ClientCommand, DispatchResult, FeedMessage } from "@muster/contracts";
import type { Store } from "@muster/store";

export interface Orchestration {
  dispatch(caller: object, command: ClientCommand): Promise<DispatchResult>;
  getSnapshot(caller: object, input: object): Promise<object>;
  getThread(caller: object, input: object): Promise<object>;
  getThreadBytes(caller: object, input: object): Promise<Uint8Array>;
  getEventsPage(caller: object, input: object): Promise<object>;
  getTurnDiff(caller: object, input: object): Promise<object>;
  feed(caller: object, input: object): AsyncIterable<{ readonly id?: string; readonly message: FeedMessage }>;
  ingest(node: object, batch: object): Promise<{ readonly lastSequence: number; readonly error?: object }>;
  effectResult(node: object, result: object): Promise<unknown> | unknown;
  head(): { readonly headSequence: number };
  close(): Promise<void>;
}
interface OrchestrationDoor {
  openOrchestration(options: object): Promise<Orchestration>;
  readonly PREPARER: URL;
}
interface SchemaDoor {
  readonly HUB_MIGRATIONS: Parameters<Store["migrate"]>[0];
  readonly HUB_COLUMNS: Readonly<Record<string, readonly string[]>>;
}

interface Sweeping {
  sweep(): Promise<number>;
  close(): Promise<void>;
}
interface NodesDoor {
  createNodes(options: object): Sweeping;
}

const load = (folder: string) => import(new URL(`../packages/hub/src/${folder}/index.ts`, import.meta.url).href);

export const { openOrchestration, PREPARER }: OrchestrationDoor = await load("orchestration");
export const { HUB_MIGRATIONS, HUB_COLUMNS }: SchemaDoor = await load("schema");
export const { createNodes }: NodesDoor = await load("nodes");
