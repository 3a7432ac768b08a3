// The contract's handler: the library decodes, validates and encodes; every error leaves in the one shape, in answers
// and in event streams alike.
import { API_PREFIX } from "@muster/contracts";
import { OpenAPIHandler } from "@orpc/openapi/node";
import { bodyOf, errorHeaders, expectedError, internalError, isForLog, toLibraryError } from "./errors.ts";
import { answerFeed } from "./feed-answer.ts";
import { createItemEncoder } from "./feed-encoding.ts";
import type { HttpLimits } from "./limits.ts";
import type { HttpLog } from "./log.ts";
import { PreparedAnswer, PreparedFeed } from "./prepared.ts";
import type { createRouter, RequestContext } from "./procedures.ts";
import { send } from "./respond.ts";

export interface ApiOptions {
  readonly router: ReturnType<typeof createRouter>;
  readonly limits: HttpLimits;
  readonly log: HttpLog;
}

export interface Api {
  /** The body must be parsed and stand in `request.body`. False when the library knows no such procedure. */
  handle(context: RequestContext): Promise<boolean>;
}

export const createApi = ({ router, limits, log }: ApiOptions): Api => {
  /** As a MusterError; what nobody expected is logged here, with its stack, and told by its request id alone. */
  const toAnswer = (error: unknown, context: RequestContext) => {
    const expected = expectedError(error, limits.issuesMax);
    const { requestId } = context;
    if (isForLog(expected)) log.error({ err: error, requestId }, "a request failed unexpectedly");
    return expected ?? internalError(requestId);
  };

  /** For all readers, because they share what they are told. */
  const encode = createItemEncoder();

  const handler = new OpenAPIHandler(router, {
    customErrorResponseBodyEncoder: bodyOf,
    interceptors: [
      async ({ next, context }) => {
        try {
          return await next();
        } catch (error) {
          if (error instanceof PreparedFeed) {
            await answerFeed({
              response: context.response,
              items: error.items,
              encode,
              keepAliveMs: limits.eventKeepAliveMs,
              toErrorBody: (reason) => toAnswer(reason, context).toBody(),
            });
            return { matched: false, response: undefined };
          }
          if (error instanceof PreparedAnswer) {
            send(context.response, { status: 200, contentType: "application/json", body: error.body });
            // For the library it is none of its requests: it writes nothing.
            return { matched: false, response: undefined };
          }
          const answer = toAnswer(error, context);
          for (const [name, value] of Object.entries(errorHeaders(answer))) context.response.setHeader(name, value);
          throw toLibraryError(answer);
        }
      },
    ],
  });

  return {
    handle: async (context) => {
      const { matched } = await handler.handle(context.request, context.response, { prefix: API_PREFIX, context });
      return matched || context.response.headersSent;
    },
  };
};
