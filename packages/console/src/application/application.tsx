// Puts the page together: look, notifications, the one feed of the tab, then the login or the pages.
import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { toMusterError } from "@muster/client";
import { JOIN_PATH } from "@muster/contracts";
import { QueryClient, QueryClientProvider, useQuery } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { lazy, type ReactNode, Suspense, useCallback, useEffect, useState } from "react";
import { flushSync } from "react-dom";
import { takeLinkToken } from "../login/link-token.ts";
import { LoginPage } from "../login/login-page.tsx";
import { keepWantedPage, onLoginElsewhere, takeWantedPage, tellOfLogin } from "../login/wanted-page.ts";
import { ADMINISTRATION } from "../shared/ask-anew.ts";
import { ErrorBoundary } from "../shared/error-boundary.tsx";
import { FailurePage } from "../shared/failure.tsx";
import { NoMembership } from "../shell/no-membership.tsx";
import { Splash } from "../shell/splash.tsx";
import { createMuster, MusterProvider, useMuster } from "./muster.tsx";
import { router } from "./router.tsx";
import { ME_KEY, meQuery, type Part, PartContext } from "./session.tsx";
import { theme } from "./theme.ts";

const queries = new QueryClient({
  defaultOptions: {
    queries: { retry: false, refetchOnWindowFocus: false, networkMode: "always" },
    mutations: { networkMode: "always" },
  },
});
/** A hub that does not answer yet is asked again. */
const RETRY_MS = 2_000;
const firstLink = takeLinkToken();
/** Whether the login or only the membership ended, the hub says when it is asked again who is there. */
const muster = createMuster(({ code }) => {
  if (code === "unauthenticated" || code === "permission_denied") void queries.resetQueries({ queryKey: ME_KEY });
  else queries.setQueryData(ME_KEY, null);
});
const JoinPage = lazy(async () => ({ default: (await import("../join/join-page.tsx")).JoinPage }));

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

/** Lets in who is logged in. A link with a token is taken even over an older login. */
function Gate() {
  const [link, setLink] = useState(firstLink);
  useEffect(() => {
    // A link opened in a tab that shows this page already changes nothing but the fragment.
    const take = (): void => setLink((known) => takeLinkToken() ?? known);
    window.addEventListener("hashchange", take);
    return () => window.removeEventListener("hashchange", take);
  }, []);
  const { client } = useMuster();
  const me = useQuery({
    ...meQuery(client),
    enabled: link?.kind !== "login",
    refetchInterval: ({ state }) => (state.status === "error" ? RETRY_MS : false),
  });
  const isLoggedOut = me.data === null;
  useEffect(() => {
    if (!isLoggedOut) return;
    keepWantedPage();
    return onLoginElsewhere(() => void queries.invalidateQueries({ queryKey: ME_KEY }));
  }, [isLoggedOut]);
  const done = useCallback(() => {
    setLink(null);
    tellOfLogin();
    const wanted = takeWantedPage();
    if (wanted !== null) router.history.replace(wanted);
    else if (window.location.pathname === JOIN_PATH) void router.navigate({ to: "/", replace: true });
  }, []);
  const [isParting, setIsParting] = useState(false);
  const part = useCallback<Part>(async (work) => {
    // At once: whatever is asked and has no answer yet is given up before the hub hears of the end of the login.
    flushSync(() => setIsParting(true));
    try {
      await work();
      queries.removeQueries({ queryKey: [ADMINISTRATION] });
      queries.setQueryData(ME_KEY, null);
    } finally {
      setIsParting(false);
    }
  }, []);
  if (isParting) return <Splash />;
  if (link?.kind === "login") return <LoginPage token={link.token} onDone={done} />;
  if (link?.kind === "join") return <Suspended page={<JoinPage key={link.token} token={link.token} onDone={done} />} />;
  if (me.isPending) return <Splash />;
  if (me.isError && toMusterError(me.error).code === "permission_denied") {
    return (
      <PartContext value={part}>
        <NoMembership />
      </PartContext>
    );
  }
  // One that is known stays known while the hub does not answer.
  if (me.data === undefined) return <FailurePage error={me.error} onRetry={() => void me.refetch()} />;
  if (me.data !== null) {
    return (
      <PartContext value={part}>
        <RouterProvider router={router} />
      </PartContext>
    );
  }
  return window.location.pathname === JOIN_PATH ? (
    <Suspended page={<JoinPage key="" token={null} onDone={done} />} />
  ) : (
    <LoginPage token={null} onDone={done} />
  );
}

const Suspended = ({ page }: { page: ReactNode }) => <Suspense fallback={<Splash />}>{page}</Suspense>;
