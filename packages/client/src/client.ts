// The typed client of a hub: every procedure of the contract, with failures as MusterErrors, and beside it the two
// things that need more than a call: dispatching a command exactly once, and following the feed.
import {
  API_PREFIX,
  type ClientCommandInput,
  contract,
  type DispatchResult,
  type FeedMessage,
  type MusterContract,
  type MusterError,
} from "@muster/contracts";
import { createIds, type Ids } from "@muster/core";
import { createORPCClient } from "@orpc/client";
import type { ContractRouterClient } from "@orpc/contract";
import { OpenAPILink } from "@orpc/openapi-client/fetch";
import { abortableFetch } from "./abortable-fetch.ts";
import { dispatchOnce, type NewCommand } from "./dispatch.ts";
import { decodeErrorBody, isAbort, toMusterError } from "./errors.ts";
import { type FollowFeedOptions, followFeed } from "./feed/follow.ts";
import { systemTiming, type Timing } from "./timing.ts";

/** Travels with a call, not over the wire. */
export interface CallContext {
  /** Told whenever bytes of the answer arrive, comments of an event stream included. */
  onBytes?: () => void;
}

export type MusterApi = ContractRouterClient<MusterContract, CallContext>;

export interface ClientOptions {
  /** Where the hub listens, such as `http://127.0.0.1:7600`. */
  readonly baseUrl: string;
  /** Bearer token; a browser leaves it out and sends its cookie. */
  readonly token?: string;
  readonly fetch?: (request: Request) => Promise<Response>;
  readonly ids?: Ids;
  readonly timing?: Timing;
  /** Puts a failure into words of the caller's place; the code stays. */
  readonly explain?: (error: MusterError) => MusterError;
}

export interface MusterClient {
  readonly api: MusterApi;
  readonly ids: Ids;
  readonly timing: Timing;
  /**
   * Sends a command and answers with its receipt. Without a commandId it gets a new one; whatever may succeed later is
   * tried again under the same id, so the command runs at most once. Throws the MusterError of the last try.
   */
  dispatch(command: NewCommand, options?: { signal?: AbortSignal }): Promise<DispatchResult>;
  followFeed(options: FollowFeedOptions): AsyncGenerator<FeedMessage, void, undefined>;
}

export function createClient(options: ClientOptions): MusterClient {
  const timing = options.timing ?? systemTiming;
  const ids =
    options.ids ?? createIds(timing, { fill: (bytes) => crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>) });
  const api = createApi(options);
  return {
    api,
    ids,
    timing,
    dispatch: (command, { signal } = {}) =>
      dispatchOnce(
        {
          send: (filled: ClientCommandInput) =>
            api.orchestration.dispatchCommand(filled, { ...(signal === undefined ? {} : { signal }) }),
          ids,
          timing,
        },
        command,
        signal,
      ),
    followFeed: (feedOptions) => followFeed({ api, timing }, feedOptions),
  };
}

function createApi({ baseUrl, token, fetch: send = abortableFetch, explain }: ClientOptions): MusterApi {
  const link = new OpenAPILink<CallContext>(contract, {
    url: new URL(API_PREFIX, baseUrl),
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    fetch: async (request, _init, { context }) => {
      const response = await send(request);
      return context.onBytes === undefined ? response : observeBytes(response, context.onBytes);
    },
    customErrorResponseBodyDecoder: (body, response) => decodeErrorBody(body, response.status),
    interceptors: [
      async (call) => {
        try {
          return await call.next();
        } catch (error) {
          if (isAbort(error) || call.signal?.aborted === true) throw error;
          const failure = toMusterError(error);
          throw explain === undefined ? failure : explain(failure);
        }
      },
    ],
  });
  return createORPCClient(link);
}

/** The same response, whose body tells about every piece that arrives. */
function observeBytes(response: Response, onBytes: () => void): Response {
  if (response.body === null) return response;
  const observer = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(chunk, controller) {
      onBytes();
      controller.enqueue(chunk);
    },
  });
  return new Response(response.body.pipeThrough(observer), response);
}
