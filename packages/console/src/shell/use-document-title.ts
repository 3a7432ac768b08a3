// The tab's title says how many questions wait, so that they are seen from another tab.
import { useEffect } from "react";
import { useOverview } from "../application/muster.tsx";

export function useDocumentTitle(): void {
  const { threads } = useOverview();
  const waiting = threads.reduce((count, thread) => count + thread.pendingApprovalCount, 0);
  useEffect(() => {
    document.title = waiting > 0 ? `(${waiting}) Muster` : "Muster";
  }, [waiting]);
}
