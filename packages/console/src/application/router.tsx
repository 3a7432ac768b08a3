// Addresses of the pages. All of them stand inside the shell; the login page stands before it.
import { JOIN_PATH } from "@muster/contracts";
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Navigate } from "@tanstack/react-router";
import { HomePage } from "../home/home-page.tsx";
import { Fault } from "../shared/error-boundary.tsx";
import { NotFound } from "../shared/not-found.tsx";
import { Shell } from "../shell/shell.tsx";
import { ThreadPage } from "../thread/thread-page.tsx";

const root = createRootRoute({ component: Shell, notFoundComponent: () => <NotFound what="page" /> });
const home = createRoute({ getParentRoute: () => root, path: "/", component: HomePage });
/** Login links point here; whoever is logged in has nothing to do on that page. */
const login = createRoute({ getParentRoute: () => root, path: "/login", component: () => <Navigate to="/" replace /> });
/** An invite's link without its token, for whoever is logged in. */
const join = createRoute({ getParentRoute: () => root, path: JOIN_PATH, component: () => <Navigate to="/" replace /> });
const fleet = createRoute({
  getParentRoute: () => root,
  path: "/fleet",
  component: lazyRouteComponent(() => import("../fleet/fleet-page.tsx"), "FleetPage"),
});
/** As the page was called before. */
const machines = createRoute({
  getParentRoute: () => root,
  path: "/machines",
  component: () => <Navigate to="/fleet" replace />,
});
const sessions = createRoute({
  getParentRoute: () => root,
  path: "/sessions",
  component: lazyRouteComponent(() => import("../sessions/sessions-page.tsx"), "SessionsPage"),
});
const SessionPage = lazyRouteComponent(() => import("../sessions/session-page.tsx"), "SessionPage");
const session = createRoute({ getParentRoute: () => root, path: "/sessions/$sessionId", component: SessionRoute });
const tokens = createRoute({
  getParentRoute: () => root,
  path: "/settings",
  component: lazyRouteComponent(() => import("../settings/settings-page.tsx"), "TokensPage"),
});
const audit = createRoute({
  getParentRoute: () => root,
  path: "/settings/audit",
  component: lazyRouteComponent(() => import("../settings/settings-page.tsx"), "AuditPage"),
});
const thread = createRoute({ getParentRoute: () => root, path: "/threads/$threadId", component: ThreadRoute });

function ThreadRoute() {
  const { threadId } = thread.useParams();
  // Another thread is another page: nothing typed or scrolled in one carries over to the next.
  return <ThreadPage key={threadId} threadId={threadId} />;
}

function SessionRoute() {
  const { sessionId } = session.useParams();
  return <SessionPage key={sessionId} sessionId={sessionId} />;
}

export const router = createRouter({
  routeTree: root.addChildren([home, login, join, thread, fleet, machines, sessions, session, tokens, audit]),
  defaultPreload: false,
  defaultErrorComponent: ({ error }) => <Fault error={error instanceof Error ? error : new Error(String(error))} />,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
