// Files whose index entry may hold other bytes than the file itself.
import type { BytePath } from "./byte-path.ts";
import type { Plumbing, PlumbingCall } from "./plumbing.ts";
import type { Workspace } from "./workspace.ts";

export async function convertedPaths(
  _plumbing: Plumbing,
  _workspace: Workspace,
  _call: PlumbingCall,
): Promise<BytePath[]> {
  return [];
}
