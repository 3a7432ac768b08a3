// The environment a child gets: a list of what programs need, never a copy of ours. The hub and the daemon may run
// in one process, whose variables can hold the database's password, so what is not named here stays behind.

export type Environment = Readonly<Record<string, string | undefined>>;

const NAMES = new Set(
  (
    "PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TERM COLORTERM NO_COLOR FORCE_COLOR TMPDIR TEMP TMP PWD DISPLAY WAYLAND_DISPLAY " +
    "SSH_AUTH_SOCK SSH_AGENT_PID GPG_TTY GNUPGHOME DBUS_SESSION_BUS_ADDRESS EDITOR VISUAL PAGER " +
    "HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY http_proxy https_proxy no_proxy all_proxy " +
    "SSL_CERT_FILE SSL_CERT_DIR NODE_EXTRA_CA_CERTS REQUESTS_CA_BUNDLE CURL_CA_BUNDLE " +
    "VIRTUAL_ENV CONDA_PREFIX NVM_DIR NVM_BIN PNPM_HOME BUN_INSTALL CI"
  ).split(" "),
);
/** Families: locale, desktop folders, git's identity. */
const PREFIXES = ["LC_", "XDG_", "GIT_AUTHOR_", "GIT_COMMITTER_"];
/** Where toolchains live: JAVA_HOME, CARGO_HOME, GOPATH, PYTHONPATH, LD_LIBRARY_PATH. */
const SUFFIXES = ["_HOME", "PATH", "_ROOT"];

const isOurs = (name: string): boolean => name.startsWith("MUSTER_");

/**
 * What of `base` a child may see, and over it `extra`. `pass` names more variables of the base, a trailing `*` makes
 * a prefix (an agent's own keys, say `ANTHROPIC_*`). Our own MUSTER_ variables are passed only when named.
 */
export const childEnvironment = (options: {
  base: Environment;
  pass?: readonly string[];
  extra?: Readonly<Record<string, string>>;
}): Record<string, string> => {
  const passes = options.pass ?? [];
  const passed = (name: string): boolean =>
    passes.some((pattern) => (pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern));
  const listed = (name: string): boolean =>
    NAMES.has(name) ||
    PREFIXES.some((prefix) => name.startsWith(prefix)) ||
    SUFFIXES.some((suffix) => name.endsWith(suffix));
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.base)) {
    if (value !== undefined && (passed(name) || (listed(name) && !isOurs(name)))) environment[name] = value;
  }
  return { ...environment, ...options.extra };
};
