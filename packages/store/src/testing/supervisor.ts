// The process that owns a private PostgreSQL server for tests: run by Node itself, it starts the server when the first
// client asks, and stops it and removes its directory when its input ends. That happens however its parent ends, so an
// interrupted run leaves nothing behind. A socket in the directory is the only way in.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { postgresBinaries, serverIdentity } from "./binaries.ts";

const SETTINGS = {
  listen_addresses: "",
  max_connections: "200",
  shared_buffers: "64MB",
  max_wal_size: "256MB",
  log_checkpoints: "off",
};
/** Not of the terminal's locale: the server's words are read below. */
const ENVIRONMENT = { PATH: "/usr/bin:/bin", LC_ALL: "C" };
const READY = "database system is ready to accept connections";

// A path of a socket has room for about 100 bytes.
const directory = mkdtempSync(join(tmpdir().length < 60 ? tmpdir() : "/tmp", "muster-pg-"));
const data = join(directory, "data");
let server: ChildProcess | undefined;

const startServer = async (): Promise<void> => {
  const binaries = postgresBinaries();
  const identity = serverIdentity();
  if (identity !== undefined) chownSync(directory, identity.uid, identity.gid);
  const options = { ...identity, cwd: directory, env: ENVIRONMENT };
  // A language whose order is not that of bytes: a column that relies on its own collation is told from one that does not.
  const order = ["--locale=C", "--locale-provider=icu", "--icu-locale=en-US"];
  const initdb = (...locale: readonly string[]) =>
    execFileSync(
      join(binaries, "initdb"),
      ["-D", data, "-U", "muster", "-A", "trust", "-E", "UTF8", "--no-sync", ...locale],
      { ...options, stdio: ["ignore", "ignore", "pipe"] },
    );
  try {
    initdb(...order);
  } catch {
    // Version 14 has no such choice, and not every build has ICU.
    rmSync(data, { recursive: true, force: true });
    initdb("--locale=C");
  }
  const settings = Object.entries({ ...SETTINGS, unix_socket_directories: directory });
  const args = ["-D", data, ...settings.flatMap(([name, value]) => ["-c", `${name}=${value}`])];
  server = spawn(join(binaries, "postgres"), args, { ...options, stdio: ["ignore", "ignore", "pipe"] });
  if (server.stderr === null) throw new Error("the server's log is not read");
  const said: string[] = [];
  const isReady = Promise.withResolvers<void>();
  createInterface({ input: server.stderr }).on("line", (line) => {
    if (line.includes(READY)) isReady.resolve();
    // What it says later belongs to tests that break connections on purpose.
    if (said.length < 20) said.push(line);
  });
  server.once("exit", () => isReady.reject(new Error(`PostgreSQL ended:\n${said.join("\n")}`)));
  await isReady.promise;
};

let starting: Promise<void> | undefined;
const control = createServer((client) => {
  client.on("error", () => undefined);
  starting ??= startServer();
  starting.then(
    () => client.end(JSON.stringify({ host: directory, port: 5432, user: "muster", database: "postgres" })),
    (error: unknown) => client.end(JSON.stringify({ error: String(error) })),
  );
});

const stop = async (): Promise<void> => {
  control.close();
  await starting?.catch(() => undefined);
  if (server !== undefined && server.exitCode === null && server.signalCode === null) {
    const ended = once(server, "exit");
    // "Immediate": nothing in it is wanted any more.
    server.kill("SIGQUIT");
    await ended;
  }
  rmSync(directory, { recursive: true, force: true });
  process.exit();
};

// The terminal sends its interrupt to this process too; the end of the input decides.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
process.stdin.on("close", () => void stop());
process.stdin.resume();
control.listen(join(directory, "control"), () => process.stdout.write(`${join(directory, "control")}\n`));
