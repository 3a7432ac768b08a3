// Keeps a scrolling view at its end while the reader is there. Text grows, rows come in above the last one, a question
// below takes room away: none of that is a wish to look elsewhere. Only a scroll of the reader's own hand is.
import { type RefObject, useEffect } from "react";

/** A scroll this soon after a hand was on the view is the hand's. */
const HAND_MS = 1_000;
const HAND_EVENTS = ["wheel", "touchmove", "keydown", "pointerdown"] as const;

export interface FollowEnd {
  readonly viewport: RefObject<HTMLElement | null>;
  /** What grows inside of it. */
  readonly canvas: RefObject<HTMLElement | null>;
  readonly thresholdPx: number;
  readonly scrollToEnd: () => void;
}

export function useFollowEnd({ viewport, canvas, thresholdPx, scrollToEnd }: FollowEnd): void {
  useEffect(() => {
    const element = viewport.current;
    if (element === null || canvas.current === null) return;
    let isFollowing = true;
    let lastHandAt = Number.NEGATIVE_INFINITY;
    const noteHand = (): void => {
      lastHandAt = performance.now();
    };
    const noteScroll = (): void => {
      const distance = element.scrollHeight - element.scrollTop - element.clientHeight;
      if (distance <= thresholdPx) isFollowing = true;
      else if (performance.now() - lastHandAt < HAND_MS) isFollowing = false;
    };
    const observer = new ResizeObserver(() => {
      if (isFollowing) scrollToEnd();
    });
    for (const name of HAND_EVENTS) element.addEventListener(name, noteHand, { passive: true });
    element.addEventListener("scroll", noteScroll, { passive: true });
    observer.observe(element);
    observer.observe(canvas.current);
    return () => {
      for (const name of HAND_EVENTS) element.removeEventListener(name, noteHand);
      element.removeEventListener("scroll", noteScroll);
      observer.disconnect();
    };
  }, [viewport, canvas, thresholdPx, scrollToEnd]);
}
