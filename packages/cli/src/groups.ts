// The groups of commands, in the order of the help. Each is loaded when it is needed: reading all of them takes longer than
// most commands do.
import type { Registry } from "./context.ts";

interface Group {
  /** The first words that call its commands, or an option that needs no other group. */
  readonly names: readonly string[];
  /** What adds it to the program. */
  load(): Promise<(registry: Registry) => void>;
}

const GROUPS: readonly Group[] = [
  { names: ["up"], load: async () => (await import("./commands/up.ts")).addUpCommand },
  { names: ["demo"], load: async () => (await import("./commands/demo.ts")).addDemoCommand },
  {
    names: ["status", "login", "version", "--version", "-V"],
    load: async () => (await import("./commands/status.ts")).addStatusCommands,
  },
  { names: ["doctor"], load: async () => (await import("./commands/doctor.ts")).addDoctorCommand },
  { names: ["invite"], load: async () => (await import("./commands/invite.ts")).addInviteCommands },
  { names: ["join", "daemon"], load: async () => (await import("./commands/join.ts")).addJoinCommands },
  { names: ["nodes"], load: async () => (await import("./commands/nodes.ts")).addNodeCommands },
  { names: ["agents"], load: async () => (await import("./commands/agents.ts")).addAgentCommand },
  { names: ["session"], load: async () => (await import("./commands/session.ts")).addSessionCommands },
  { names: ["token"], load: async () => (await import("./commands/token.ts")).addTokenCommands },
  { names: ["audit"], load: async () => (await import("./commands/audit.ts")).addAuditCommand },
  { names: ["project"], load: async () => (await import("./commands/project.ts")).addProjectCommands },
  { names: ["thread"], load: async () => (await import("./commands/thread.ts")).addThreadCommands },
  { names: ["turn"], load: async () => (await import("./commands/turn.ts")).addTurnCommands },
  { names: ["approve", "deny"], load: async () => (await import("./commands/approve.ts")).addApprovalCommands },
  { names: ["diff"], load: async () => (await import("./commands/diff.ts")).addDiffCommand },
  { names: ["files"], load: async () => (await import("./commands/files.ts")).addFileCommands },
  { names: ["events"], load: async () => (await import("./commands/events.ts")).addEventCommands },
  { names: ["prune"], load: async () => (await import("./commands/prune.ts")).addPruneCommand },
  { names: ["restored"], load: async () => (await import("./commands/restored.ts")).addRestoredCommand },
  { names: ["export"], load: async () => (await import("./commands/export.ts")).addExportCommand },
  { names: ["projections"], load: async () => (await import("./commands/projections.ts")).addProjectionCommands },
];

/** Adds the group that the word calls; all of them where it calls none, as for help, an option or a mistake. */
export async function addGroups(registry: Registry, firstWord?: string): Promise<void> {
  const called = GROUPS.filter(({ names }) => firstWord !== undefined && names.includes(firstWord));
  const adding = await Promise.all((called.length > 0 ? called : GROUPS).map((group) => group.load()));
  for (const add of adding) add(registry);
}
