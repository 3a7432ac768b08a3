// A fetch whose answer can be ended at any time. Node ties an answer's body to the request's signal by weak references
// only: once the request is collected as garbage, aborting no longer ends a body that waits for more, and a command that
// follows the feed would never stop. Here the body holds its request for as long as someone reads it.

export async function abortableFetch(request: Request): Promise<Response> {
  const response = await fetch(request);
  if (response.body === null) return response;
  const held = { request };
  const passing = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(chunk, controller) {
      if (!held.request.signal.aborted) controller.enqueue(chunk);
    },
  });
  return new Response(response.body.pipeThrough(passing, { signal: request.signal }), response);
}
