// Where somebody wanted to go who had to log in first. Kept by the tab, so that a login in it leads there; tabs that wait
// at the login page are told when another one has logged in. Storage may be denied; then a login leads home.
import { JOIN_PATH } from "@muster/contracts";

const LOGIN_PATH = "/login";
const WANTED_KEY = "muster.wanted-page";
const LOGIN_KEY = "muster.login";

/** Remembers the address of this page, unless it is a way in itself. */
export function keepWantedPage(): void {
  const { pathname, search } = window.location;
  if (pathname !== LOGIN_PATH && pathname !== JOIN_PATH)
    ifAllowed(() => window.sessionStorage.setItem(WANTED_KEY, `${pathname}${search}`));
}

/** A path of this page, once; null where nobody wanted to go anywhere. */
export function takeWantedPage(): string | null {
  const wanted = ifAllowed(() => window.sessionStorage.getItem(WANTED_KEY));
  ifAllowed(() => window.sessionStorage.removeItem(WANTED_KEY));
  // One slash: two would be another host.
  return wanted !== null && /^\/(?!\/)/.test(wanted) ? wanted : null;
}

export function tellOfLogin(): void {
  ifAllowed(() => window.localStorage.setItem(LOGIN_KEY, new Date().toISOString()));
}

/** Calls back when another tab of this browser has logged in. */
export function onLoginElsewhere(listener: () => void): () => void {
  const hear = ({ key }: StorageEvent): void => {
    if (key === LOGIN_KEY) listener();
  };
  window.addEventListener("storage", hear);
  return () => window.removeEventListener("storage", hear);
}

function ifAllowed<Answer>(use: () => Answer): Answer | null {
  try {
    return use();
  } catch {
    return null;
  }
}
