// Ends hub, daemon or both with SIGKILL at the very moment at which one of them passes a step. The trap is a file: armed
// from outside, it springs once, in whichever process passes its step.
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DaemonStep } from "@muster/daemon";
import type { HubStep } from "@muster/hub";

export type Role = "hub" | "daemon";

export interface Trap {
  readonly role: Role;
  readonly step: HubStep | DaemonStep;
  /** Springs only where the step is about all of these. */
  readonly about: readonly string[];
  readonly victims: readonly Role[];
}

const pidFile = (folder: string, role: Role): string => join(folder, `${role}.pid`);
const armedFile = (folder: string): string => join(folder, "armed.json");
const sprungFile = (folder: string): string => join(folder, "sprung.json");

/** What is armed; null where nothing is, and where the other process has just sprung it. */
function armedIn(folder: string): Trap | null {
  try {
    return JSON.parse(readFileSync(armedFile(folder), "utf8")) as Trap;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** False where the other process was first: a trap springs once. */
function spring(folder: string): boolean {
  try {
    renameSync(armedFile(folder), sprungFile(folder));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

/** In the process itself: what to call at every step. */
export function setTrap(role: Role, folder: string): (step: string, about: readonly string[]) => void {
  writeFileSync(pidFile(folder, role), String(process.pid));
  return (step, about) => {
    const trap = armedIn(folder);
    if (trap === null || trap.role !== role || trap.step !== step) return;
    if (!trap.about.every((one) => about.includes(one))) return;
    if (!spring(folder)) return;
    // The other one first: this process does nothing more after it ends itself.
    for (const victim of [...trap.victims].sort((one) => (one === role ? 1 : -1)))
      process.kill(Number(readFileSync(pidFile(folder, victim), "utf8")), "SIGKILL");
  };
}

export function armTrap(folder: string, trap: Trap): void {
  rmSync(sprungFile(folder), { force: true });
  const unfinished = `${armedFile(folder)}.new`;
  writeFileSync(unfinished, JSON.stringify(trap));
  renameSync(unfinished, armedFile(folder));
}

export const hasSprung = (folder: string): boolean => existsSync(sprungFile(folder));
