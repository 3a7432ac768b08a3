// A hub as `fetch` sees it: answers by path, and event streams that a test feeds and breaks by hand.
import type { FeedMessage } from "@muster/contracts";

type Answer = (request: Request) => Response | Promise<Response>;

export interface FakeStream {
  /** Value of `after` in the request. */
  readonly after: string | null;
  readonly signal: AbortSignal;
  send(message: FeedMessage): void;
  keepAlive(): void;
  /** The connection breaks. */
  break(): void;
  /** The server ends the answer. */
  end(): void;
}

export class FakeHub {
  readonly requests: Request[] = [];
  readonly streams: FakeStream[] = [];
  readonly #answers = new Map<string, Answer>();

  /** `path` is what follows `/api/v1`. */
  answer(path: string, answer: Answer): this {
    this.#answers.set(path, answer);
    return this;
  }

  readonly fetch = async (request: Request): Promise<Response> => {
    this.requests.push(request);
    const { pathname } = new URL(request.url);
    const answer = this.#answers.get(pathname.replace("/api/v1", ""));
    if (answer !== undefined) return await answer(request);
    if (pathname.endsWith("/events")) return this.#stream(request);
    throw new TypeError("fetch failed");
  };

  #stream(request: Request): Response {
    const encoder = new TextEncoder();
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => {
        const write = (text: string): void => controller.enqueue(encoder.encode(text));
        request.signal.addEventListener("abort", () => {
          try {
            controller.error(new DOMException("aborted", "AbortError"));
          } catch {
            // It had ended before.
          }
        });
        this.streams.push({
          after: new URL(request.url).searchParams.get("after"),
          signal: request.signal,
          send: (message) => write(`event: message\ndata: ${JSON.stringify(message)}\n\n`),
          keepAlive: () => write(":\n\n"),
          break: () => controller.error(new TypeError("network error")),
          end: () => controller.close(),
        });
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  }
}

export const json = (body: unknown, status = 200): Response =>
  new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json" } });
