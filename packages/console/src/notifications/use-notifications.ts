// Notifies of news while the tab is out of sight, when that was wished for. A click brings the thread up.
import type { ThreadSummary } from "@muster/contracts";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { useOverview } from "../application/muster.tsx";
import { newsOf } from "./news.ts";
import { currentWish } from "./wish.ts";

export function useNotifications(): void {
  const { isLoaded, threads } = useOverview();
  const navigate = useNavigate();
  const before = useRef<readonly ThreadSummary[] | null>(null);
  useEffect(() => {
    if (!isLoaded) return;
    const news = before.current === null ? [] : newsOf(before.current, threads);
    before.current = threads;
    if (document.visibilityState === "visible" || currentWish() !== "on") return;
    for (const { threadId, title, text } of news) {
      // One per thread: the newer replaces the older.
      const notification = new Notification(title, { body: text, tag: threadId });
      notification.onclick = () => {
        window.focus();
        void navigate({ to: "/threads/$threadId", params: { threadId } });
      };
    }
  }, [isLoaded, threads, navigate]);
}
