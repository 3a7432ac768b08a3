// The agents Muster knows by name, and how each is started. Commands and flags are those their makers publish; the
// adapters for Claude Code and Codex are the ones of the protocol's own organisation, successors of the earlier ones.
import { fileURLToPath } from "node:url";
import type { ProviderConfiguration } from "./provider.ts";

/** One way to start an agent; the first whose command is found is taken. */
interface Launch {
  readonly command: string;
  readonly args: readonly string[];
}

export interface Preset {
  readonly name: string;
  readonly title: string;
  readonly launches: readonly [Launch, ...Launch[]];
  readonly passEnvironment: readonly string[];
  readonly installHint: string;
  readonly loginHint: string;
}

export const SAMPLE_PROVIDER_NAME = "sample";
export const SAMPLE_AGENT_PATH = fileURLToPath(new URL("../../sample-agent/sample-agent.ts", import.meta.url));

export const PRESETS: readonly Preset[] = [
  {
    name: "claude",
    title: "Claude Code",
    launches: [
      { command: "claude-agent-acp", args: [] },
      // The adapter's former name; still installed on many machines.
      { command: "claude-code-acp", args: [] },
    ],
    passEnvironment: ["ANTHROPIC_*", "CLAUDE_*", "AWS_*", "GOOGLE_*", "CLOUD_ML_REGION"],
    installHint: "Install its adapter with `npm install -g @agentclientprotocol/claude-agent-acp`.",
    loginHint:
      "Run `claude` once in a terminal on this machine and log in with /login, or set ANTHROPIC_API_KEY for the daemon.",
  },
  {
    name: "codex",
    title: "Codex",
    launches: [{ command: "codex-acp", args: [] }],
    passEnvironment: ["OPENAI_*", "CODEX_*"],
    installHint: "Install its adapter with `npm install -g @agentclientprotocol/codex-acp`.",
    loginHint: "Run `codex login` once in a terminal on this machine, or set OPENAI_API_KEY for the daemon.",
  },
  {
    name: "gemini",
    title: "Gemini CLI",
    launches: [{ command: "gemini", args: ["--acp"] }],
    passEnvironment: ["GEMINI_*", "GOOGLE_*"],
    installHint: "Install it with `npm install -g @google/gemini-cli`, version 0.33 or newer.",
    loginHint:
      "Run `gemini` once in a terminal on this machine and log in there, or set GEMINI_API_KEY for the daemon.",
  },
  {
    name: "opencode",
    title: "OpenCode",
    launches: [{ command: "opencode", args: ["acp"] }],
    passEnvironment: ["OPENCODE_*", "ANTHROPIC_*", "OPENAI_*", "GEMINI_*", "GOOGLE_*"],
    installHint: "Install it with `npm install -g opencode-ai`.",
    loginHint: "Run `opencode auth login` once in a terminal on this machine.",
  },
];

export interface DetectedAgent {
  readonly name: string;
  readonly title: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly found: boolean;
  /** Where the command is; null when it was not found. */
  readonly path: string | null;
  /** Known only where it can be had without running the agent. */
  readonly version: string | null;
  readonly installHint: string;
}

/** Answers where a command is, or undefined. */
export type PathLookup = (command: string) => string | undefined;

const detect = (preset: Preset, lookUp: PathLookup): DetectedAgent => {
  const { name, title, installHint } = preset;
  for (const { command, args } of preset.launches) {
    const path = lookUp(command);
    if (path !== undefined) return { name, title, command, args, found: true, path, version: null, installHint };
  }
  const [{ command, args }] = preset.launches;
  return { name, title, command, args, found: false, path: null, version: null, installHint };
};

/** What of the known agents is on this machine. The sample agent, which is part of Muster, is always found. */
export const detectAgents = (lookUp: PathLookup): DetectedAgent[] => [
  ...PRESETS.map((preset) => detect(preset, lookUp)),
  {
    name: SAMPLE_PROVIDER_NAME,
    title: "Sample agent",
    command: process.execPath,
    args: [SAMPLE_AGENT_PATH],
    found: true,
    path: SAMPLE_AGENT_PATH,
    version: "0.1.0",
    installHint: "It is part of Muster.",
  },
];

/** The configuration of a known agent, started as it was found; undefined for an unknown name. */
export const presetConfiguration = (name: string, lookUp: PathLookup): ProviderConfiguration | undefined => {
  if (name === SAMPLE_PROVIDER_NAME) return sampleConfiguration();
  const preset = PRESETS.find((candidate) => candidate.name === name);
  if (preset === undefined) return undefined;
  const { command, args, path } = detect(preset, lookUp);
  const { title, passEnvironment, installHint, loginHint } = preset;
  return { name, title, command: path ?? command, args, passEnvironment, installHint, loginHint };
};

/** The sample agent, with its options and its own environment. */
export const sampleConfiguration = (
  options: { args?: readonly string[]; env?: Readonly<Record<string, string>> } = {},
): ProviderConfiguration => ({
  name: SAMPLE_PROVIDER_NAME,
  title: "Sample agent",
  command: process.execPath,
  args: [SAMPLE_AGENT_PATH, ...(options.args ?? [])],
  // Where Node keeps what it compiled, as for our own processes: it is as much Node and as many sources.
  passEnvironment: ["MUSTER_SAMPLE_*", "NODE_COMPILE_CACHE"],
  ...(options.env === undefined ? {} : { env: options.env }),
});
