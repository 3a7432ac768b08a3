// The frame of every page: header with the state of the connection, navigation with the threads, and the page itself.
// On a phone the navigation is a drawer behind the burger.
import { ActionIcon, AppShell, Burger, Group, Menu, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconBell, IconCheck, IconLogout, IconUserCircle } from "@tabler/icons-react";
import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { useEffect } from "react";
import { useFeed } from "../application/muster.tsx";
import { useLogOut, useMe } from "../application/session.tsx";
import { useNotifications } from "../notifications/use-notifications.ts";
import { useNotificationWish } from "../notifications/wish.ts";
import { useFreshAdministration } from "../shared/administration.ts";
import { ConfirmProvider } from "../shared/confirm.tsx";
import { notifyFailure } from "../shared/failure.tsx";
import { NewThreadProvider } from "../threads/new-thread-context.tsx";
import { ConnectionBadge } from "./connection-badge.tsx";
import { Logo } from "./logo.tsx";
import { Navigation } from "./navigation.tsx";
import { SchemeToggle } from "./scheme-toggle.tsx";
import classes from "./shell.module.css";
import { useDocumentTitle } from "./use-document-title.ts";

const HEADER_HEIGHT = 52;

export function Shell() {
  useFeed();
  useDocumentTitle();
  useNotifications();
  useFreshAdministration();
  const [isOpen, { toggle, close }] = useDisclosure(false);
  const path = useRouterState({ select: (state) => state.location.pathname });
  // biome-ignore lint/correctness/useExhaustiveDependencies: another page closes the drawer.
  useEffect(close, [path]);
  return (
    <ConfirmProvider>
      <NewThreadProvider>
        <AppShell
          header={{ height: HEADER_HEIGHT }}
          navbar={{ width: 300, breakpoint: "md", collapsed: { mobile: !isOpen } }}
          classNames={{ header: classes["header"] ?? "", navbar: classes["navbar"] ?? "", main: classes["main"] ?? "" }}
        >
          <a className={classes["skip"]} href="#main">
            Skip to the page
          </a>
          <AppShell.Header>
            <Group h="100%" px="md" justify="space-between" wrap="nowrap" gap="xs">
              <Group gap="sm" wrap="nowrap">
                <Burger
                  hiddenFrom="md"
                  size="sm"
                  opened={isOpen}
                  onClick={toggle}
                  aria-label={isOpen ? "Close the navigation" : "Open the navigation"}
                />
                <Link to="/" className={classes["brand"]} aria-label="Muster, home">
                  <Logo size={26} />
                  <Text component="span" fw={680} fz={16} lts="-0.01em">
                    Muster
                  </Text>
                </Link>
              </Group>
              <Group gap={6} wrap="nowrap">
                <ConnectionBadge />
                <SchemeToggle />
                <Account />
              </Group>
            </Group>
          </AppShell.Header>
          <AppShell.Navbar aria-label="Main">
            <Navigation onNavigate={close} />
          </AppShell.Navbar>
          <AppShell.Main id="main" tabIndex={-1}>
            <Outlet />
          </AppShell.Main>
        </AppShell>
      </NewThreadProvider>
    </ConfirmProvider>
  );
}

function Account() {
  const me = useMe();
  const logOut = useLogOut();
  const { wish, toggle } = useNotificationWish();
  return (
    <Menu position="bottom-end" width={310}>
      <Menu.Target>
        <ActionIcon size="lg" aria-label="Account">
          <IconUserCircle size={19} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          Logged in as {me.displayName} ({me.role.replace("_", " ")})
        </Menu.Label>
        {wish !== "unsupported" && (
          <Menu.Item
            leftSection={<IconBell size={16} />}
            rightSection={wish === "on" ? <IconCheck size={16} aria-label="on" /> : null}
            disabled={wish === "blocked"}
            closeMenuOnClick={false}
            onClick={() => void toggle().catch(notifyFailure)}
          >
            {wish === "blocked" ? "Notifications are blocked" : "Notify me when I look elsewhere"}
          </Menu.Item>
        )}
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void logOut().catch(notifyFailure)}>
          Log out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
