// What is asked for anew after something changed, and in which order.
import { notifyManager, QueryClient, QueryObserver } from "@tanstack/react-query";
import { expect, test } from "vitest";
import { ADMINISTRATION, askAnew, SESSIONS_KEY } from "./ask-anew.ts";

/** A page that shows sessions and, to owners, invites; `asked` tells what it asked for. */
async function openPage(
  roles: readonly string[],
): Promise<{ queries: QueryClient; asked: string[]; hub: { answers: Promise<void> }; close: () => void }> {
  const queries = new QueryClient();
  const asked: string[] = [];
  const left = [...roles];
  const hub = { answers: Promise.resolve() };
  const sessions = new QueryObserver(queries, {
    queryKey: SESSIONS_KEY,
    queryFn: async () => {
      asked.push("sessions");
      await hub.answers;
      return left.shift() ?? "viewer";
    },
  });
  const invites = new QueryObserver(queries, {
    queryKey: [ADMINISTRATION, "invites", "session"],
    queryFn: () => {
      asked.push("invites");
      return [];
    },
  });
  const closeInvites = invites.subscribe(() => {});
  const closeSessions = sessions.subscribe(({ data }) => {
    if (data !== undefined && data !== "owner") closeInvites();
  });
  await expect.poll(() => sessions.getCurrentResult().isSuccess && invites.getCurrentResult().isSuccess).toBe(true);
  asked.length = 0;
  return {
    queries,
    asked,
    hub,
    close: () => {
      closeInvites();
      closeSessions();
      queries.clear();
    },
  };
}

test("what only a role that is gone may read is asked for no more", async () => {
  const { queries, asked, hub, close } = await openPage(["owner", "viewer"]);
  const answer = Promise.withResolvers<void>();
  hub.answers = answer.promise;
  const asking = askAnew(queries);
  // What was put off before this has been done by then.
  await new Promise<void>((resolve) => notifyManager.schedule(resolve));
  expect(asked).toEqual(["sessions"]);
  answer.resolve();
  await asking;
  await askAnew(queries);
  await expect.poll(() => queries.isFetching()).toBe(0);
  expect(asked).toEqual(["sessions", "sessions"]);
  close();
});

test("whoever keeps the role is shown all of it as it is now", async () => {
  const { queries, asked, close } = await openPage(["owner", "owner"]);
  await askAnew(queries);
  await expect.poll(() => asked).toEqual(["sessions", "invites"]);
  close();
});
