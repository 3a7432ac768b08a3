// Child processes of the bootstrap. While one runs, SIGINT, SIGTERM and SIGHUP are passed on to it, and its exit
// code or signal becomes ours, so that whoever supervises the bootstrap supervises the program.
import { spawn } from "node:child_process";
import { delimiter, dirname } from "node:path";

/** A condition that the person can mend; its message is the one sentence that says how. */
export class BootstrapError extends Error {}

const forwarded = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);

/** A signal that reached the bootstrap while a helper ran, or ended the helper: the bootstrap ends by it too. */
export class Interrupted extends Error {
  /** @param {NodeJS.Signals} signal */
  constructor(signal) {
    super(signal);
    this.signal = signal;
  }
}

/**
 * @typedef {{ code: number | null, signal: NodeJS.Signals | null, missing: boolean, output: string }} Result
 *   missing: there is no such file; output: what came through pipes
 */

/**
 * Runs a helper to its end. Rejects with Interrupted when a signal reached it or this process.
 * @param {string} file @param {string[]} args @param {import("node:child_process").SpawnOptions} options
 * @returns {Promise<Result>}
 */
export async function run(file, args, options) {
  const { received, ...result } = await runForwarding(file, args, options);
  const signal = result.signal ?? received;
  if (signal) throw new Interrupted(signal);
  return result;
}

/**
 * Becomes the program: replaces this process where Node can, so that no layer remains that could leave the program
 * behind; else runs it as a child with the same terminal. The chosen Node comes first in its PATH.
 * @param {string} node @param {string[]} args
 */
export async function become(node, args) {
  /** @type {Record<string, string>} */
  const env = {};
  for (const [key, value] of Object.entries(process.env)) if (value !== undefined) env[key] = value;
  const parts = (env.PATH ?? "").split(delimiter);
  if (parts[0] !== dirname(node)) env.PATH = [dirname(node), ...parts].join(delimiter);
  if (node === process.execPath && typeof process.execve === "function") process.execve(node, [node, ...args], env);
  const result = await runForwarding(node, args, { stdio: "inherit", env });
  if (result.missing)
    throw new BootstrapError(`${node} does not run on this system: install Node.js 24 or newer yourself.`);
  if (result.signal) throw new Interrupted(result.signal);
  process.exitCode = result.code ?? 1;
}

/**
 * @param {string} file @param {string[]} args @param {import("node:child_process").SpawnOptions} options
 * @returns {Promise<Result & { received: NodeJS.Signals | undefined }>} received: the last signal that was passed on
 */
function runForwarding(file, args, options) {
  return new Promise((resolve, reject) => {
    /** @type {NodeJS.Signals | undefined} */
    let received;
    let output = "";
    const child = spawn(file, args, options);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text) => {
        output += text;
      });
    }
    /** @param {NodeJS.Signals} signal */
    const pass = (signal) => {
      received = signal;
      child.kill(signal);
    };
    for (const signal of forwarded) process.on(signal, pass);
    const stop = () => {
      for (const signal of forwarded) process.removeListener(signal, pass);
    };
    child.once("error", (error) => {
      stop();
      if ("code" in error && error.code === "ENOENT")
        resolve({ code: null, signal: null, missing: true, output, received });
      else reject(error);
    });
    child.once("close", (code, signal) => {
      stop();
      resolve({ code, signal, missing: false, output, received });
    });
  });
}
