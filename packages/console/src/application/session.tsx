// Who is logged in. The answer is asked once and kept; without a valid cookie every page is the login page.

import { type MusterClient, toMusterError } from "@muster/client";
import type { Me } from "@muster/contracts";
import { queryOptions, useQueryClient, useSuspenseQuery } from "@tanstack/react-query";
import { ADMINISTRATION } from "../shared/administration.ts";
import { useMuster } from "./muster.tsx";

export const ME_KEY = ["me"] as const;

/** null: nobody is logged in. Other failures stay failures. */
export const meQuery = (client: MusterClient) =>
  queryOptions({
    queryKey: ME_KEY,
    queryFn: async ({ signal }): Promise<Me | null> => {
      try {
        return await client.api.auth.me(undefined, { signal });
      } catch (error) {
        if (toMusterError(error).code === "unauthenticated") return null;
        throw error;
      }
    },
    staleTime: Number.POSITIVE_INFINITY,
  });

/** For pages behind the login. */
export function useMe(): Me {
  const { client } = useMuster();
  const { data } = useSuspenseQuery(meQuery(client));
  if (data === null) throw new Error("useMe is called on a page that needs no login");
  return data;
}

export function useLogOut(): () => Promise<void> {
  const { client } = useMuster();
  const queries = useQueryClient();
  return async () => {
    await client.api.auth.logout();
    queries.removeQueries({ queryKey: [ADMINISTRATION] });
    queries.setQueryData(ME_KEY, null);
  };
}
