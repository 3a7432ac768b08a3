// The timeline of a thread, virtualised: only what is near the window is in the document. It stays at the end while the
// reader is there, and where the reader is when older turns come in above.
import { ActionIcon, Button, Loader, Tooltip } from "@mantine/core";
import { IconArrowDown } from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useEffect, useLayoutEffect, useRef } from "react";
import type { TimelineActions } from "./actions.ts";
import { Item } from "./item.tsx";
import type { TimelineItem } from "./items.ts";
import classes from "./timeline.module.css";
import { useFollowEnd } from "./use-follow-end.ts";

/** Guesses until a row was measured. */
const ESTIMATES: Readonly<Record<TimelineItem["kind"], number>> = {
  user: 84,
  assistant: 120,
  tools: 64,
  plan: 140,
  approval: 48,
  notice: 40,
  diff: 120,
  status: 44,
};
const END_THRESHOLD_PX = 90;
const LOAD_OLDER_WITHIN_PX = 400;
/** Room for the bar above the first row, kept also without it, so that nothing moves when it goes. */
const OLDER_BAR_PX = 44;

export interface TimelineProps {
  readonly items: readonly TimelineItem[];
  readonly hasOlder: boolean;
  readonly isLoadingOlder: boolean;
  readonly onLoadOlder: () => void;
  readonly actions: TimelineActions;
}

export function Timeline({ items, hasOlder, isLoadingOlder, onLoadOlder, actions }: TimelineProps) {
  const viewport = useRef<HTMLElement>(null);
  const canvas = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: items.length,
    getScrollElement: () => viewport.current,
    estimateSize: (index) => ESTIMATES[items[index]?.kind ?? "assistant"],
    getItemKey: useCallback((index: number) => items[index]?.key ?? index, [items]),
    anchorTo: "end",
    scrollEndThreshold: END_THRESHOLD_PX,
    overscan: 8,
    paddingStart: OLDER_BAR_PX,
    paddingEnd: 24,
  });

  useLayoutEffect(() => virtualizer.scrollToEnd(), [virtualizer]);
  const scrollToEnd = useCallback(() => virtualizer.scrollToEnd(), [virtualizer]);
  useFollowEnd({ viewport, canvas, thresholdPx: END_THRESHOLD_PX, scrollToEnd });

  const first = virtualizer.range?.startIndex ?? 0;
  const isNearTop = (virtualizer.scrollOffset ?? 0) < LOAD_OLDER_WITHIN_PX && first <= 2;
  useEffect(() => {
    if (hasOlder && !isLoadingOlder && isNearTop && virtualizer.isScrolling) onLoadOlder();
  }, [hasOlder, isLoadingOlder, isNearTop, onLoadOlder, virtualizer.isScrolling]);

  const isAtEnd = virtualizer.isAtEnd(END_THRESHOLD_PX);
  return (
    <div className={classes["frame"]}>
      <section
        ref={viewport}
        className={classes["viewport"]}
        aria-label="Conversation"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
        tabIndex={0}
        data-timeline
        data-testid="timeline"
      >
        <div ref={canvas} className={classes["canvas"]} style={{ height: virtualizer.getTotalSize() }}>
          {hasOlder && (
            <div className={classes["older"]}>
              {isLoadingOlder ? (
                <Loader size="xs" aria-label="Loading older turns" />
              ) : (
                <Button size="compact-sm" variant="subtle" color="gray" onClick={onLoadOlder} data-testid="load-older">
                  Load older turns
                </Button>
              )}
            </div>
          )}
          {virtualizer.getVirtualItems().map((row) => {
            const item = items[row.index];
            if (item === undefined) return null;
            return (
              <div
                key={row.key}
                ref={virtualizer.measureElement}
                data-index={row.index}
                className={classes["row"]}
                style={{ transform: `translateY(${row.start}px)` }}
              >
                <div className={classes["content"]}>
                  <Item item={item} actions={actions} />
                </div>
              </div>
            );
          })}
        </div>
      </section>
      {!isAtEnd && items.length > 0 && (
        <Tooltip label="To the end">
          <ActionIcon
            className={classes["toEnd"] ?? ""}
            variant="default"
            radius="xl"
            size="lg"
            aria-label="To the end"
            onClick={() => virtualizer.scrollToEnd({ behavior: "smooth" })}
          >
            <IconArrowDown size={18} />
          </ActionIcon>
        </Tooltip>
      )}
    </div>
  );
}
