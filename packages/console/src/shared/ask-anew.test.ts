// What is asked for anew after something changed, and in which order.
import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { expect, test } from "vitest";
import { ADMINISTRATION, askAnew, SESSIONS_KEY } from "./ask-anew.ts";

/** A page that shows sessions and, to owners, invites; `asked` tells what it asked for. */
async function openPage(
  roles: readonly string[],
): Promise<{ queries: QueryClient; asked: string[]; close: () => void }> {
  const queries = new QueryClient();
  const asked: string[] = [];
  const left = [...roles];
  const sessions = new QueryObserver(queries, {
    queryKey: SESSIONS_KEY,
    queryFn: () => {
      asked.push("sessions");
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
    close: () => {
      closeInvites();
      closeSessions();
      queries.clear();
    },
  };
}

test("what only a role that is gone may read is asked for no more", async () => {
  const { queries, asked, close } = await openPage(["owner", "viewer"]);
  await askAnew(queries);
  await askAnew(queries);
  expect(asked).toEqual(["sessions", "sessions"]);
  close();
});

test("whoever keeps the role is shown all of it as it is now", async () => {
  const { queries, asked, close } = await openPage(["owner", "owner"]);
  await askAnew(queries);
  await expect.poll(() => asked).toEqual(["sessions", "invites"]);
  close();
});
