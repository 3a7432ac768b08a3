// Puts the page together: look, notifications, the one feed of the tab, then the login or the pages.
import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClient, QueryClientProvider, useQuery } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { LoginPage } from "../login/login-page.tsx";
import { takeLoginToken } from "../login/login-token.ts";
import { ErrorBoundary } from "../shared/error-boundary.tsx";
import { FailurePage } from "../shared/failure.tsx";
import { Splash } from "../shell/splash.tsx";
import { createMuster, MusterProvider, useMuster } from "./muster.tsx";
import { router } from "./router.tsx";
import { ME_KEY, meQuery } from "./session.tsx";
import { theme } from "./theme.ts";

const queries = new QueryClient({
  defaultOptions: {
    queries: { retry: false, refetchOnWindowFocus: false, networkMode: "always" },
    mutations: { networkMode: "always" },
  },
});
/** A hub that does not answer yet is asked again. */
const RETRY_MS = 2_000;
const firstToken = takeLoginToken();
const muster = createMuster(() => queries.setQueryData(ME_KEY, null));

export function Application() {
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <Notifications position="top-right" zIndex={400} />
      <ErrorBoundary>
        <QueryClientProvider client={queries}>
          <MusterProvider muster={muster}>
            <Gate />
          </MusterProvider>
        </QueryClientProvider>
      </ErrorBoundary>
    </MantineProvider>
  );
}

/** Lets in who is logged in. A link with a token is redeemed even over an older login. */
function Gate() {
  const [token, setToken] = useState(firstToken);
  useEffect(() => {
    // A link opened in a tab that shows this page already changes nothing but the fragment.
    const take = (): void => setToken((known) => takeLoginToken() ?? known);
    window.addEventListener("hashchange", take);
    return () => window.removeEventListener("hashchange", take);
  }, []);
  const { client } = useMuster();
  const me = useQuery({
    ...meQuery(client),
    enabled: token === null,
    refetchInterval: ({ state }) => (state.status === "error" ? RETRY_MS : false),
  });
  if (token !== null) return <LoginPage token={token} onDone={() => setToken(null)} />;
  if (me.isPending) return <Splash />;
  if (me.isError) return <FailurePage error={me.error} onRetry={() => void me.refetch()} />;
  if (me.data === null) return <LoginPage token={null} onDone={() => {}} />;
  return <RouterProvider router={router} />;
}
