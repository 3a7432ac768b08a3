// Who is logged in. The answer is asked once and kept; without a valid cookie every page is the login page.

import { type MusterClient, toMusterError } from "@muster/client";
import type { Me } from "@muster/contracts";
import { queryOptions, useSuspenseQuery } from "@tanstack/react-query";
import { createContext, use } from "react";
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

/** Ends the login by `work`. Throws what it throws; then the person is still there. */
export type Part = (work: () => Promise<unknown>) => Promise<void>;

/** Provided by whoever shows the pages behind the login: they are gone before the hub hears of it. */
export const PartContext = createContext<Part>((work) => work().then(() => {}));

export function useLogOut(): () => Promise<void> {
  const { client } = useMuster();
  const part = use(PartContext);
  return () => part(() => client.api.auth.logout());
}
