// Opens the dialog for a new thread from anywhere on the page.
import type { ProjectId } from "@muster/contracts";
import { createContext, type ReactNode, use, useMemo, useState } from "react";
import { NewThreadDialog } from "./new-thread-dialog.tsx";

interface NewThread {
  open(projectId?: ProjectId): void;
}

const NewThreadContext = createContext<NewThread>({ open: () => {} });

export const useNewThread = (): NewThread => use(NewThreadContext);

export function NewThreadProvider({ children }: { children: ReactNode }) {
  const [request, setRequest] = useState<{ projectId: ProjectId | null } | null>(null);
  const value = useMemo(() => ({ open: (projectId?: ProjectId) => setRequest({ projectId: projectId ?? null }) }), []);
  return (
    <NewThreadContext value={value}>
      {children}
      <NewThreadDialog request={request} onClose={() => setRequest(null)} />
    </NewThreadContext>
  );
}
