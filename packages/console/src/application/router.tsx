// Addresses of the pages. All of them stand inside the shell; the login page stands before it.
import { createRootRoute, createRoute, createRouter, Navigate } from "@tanstack/react-router";
import { HomePage } from "../home/home-page.tsx";
import { MachinesPage } from "../machines/machines-page.tsx";
import { Fault } from "../shared/error-boundary.tsx";
import { NotFound } from "../shared/not-found.tsx";
import { Shell } from "../shell/shell.tsx";
import { ThreadPage } from "../thread/thread-page.tsx";

const root = createRootRoute({ component: Shell, notFoundComponent: () => <NotFound what="page" /> });
const home = createRoute({ getParentRoute: () => root, path: "/", component: HomePage });
/** Login links point here; whoever is logged in has nothing to do on that page. */
const login = createRoute({ getParentRoute: () => root, path: "/login", component: () => <Navigate to="/" replace /> });
const machines = createRoute({ getParentRoute: () => root, path: "/machines", component: MachinesPage });
const thread = createRoute({ getParentRoute: () => root, path: "/threads/$threadId", component: ThreadRoute });

function ThreadRoute() {
  const { threadId } = thread.useParams();
  // Another thread is another page: nothing typed or scrolled in one carries over to the next.
  return <ThreadPage key={threadId} threadId={threadId} />;
}

export const router = createRouter({
  routeTree: root.addChildren([home, login, thread, machines]),
  defaultPreload: false,
  defaultErrorComponent: ({ error }) => <Fault error={error instanceof Error ? error : new Error(String(error))} />,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
