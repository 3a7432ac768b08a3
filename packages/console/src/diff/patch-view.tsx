// One file's diff, drawn by the viewer. This module and its styles are a chunk of their own.
import "@git-diff-view/react/styles/diff-view-pure.css";
import { DiffModeEnum, DiffView } from "@git-diff-view/react";
import { useComputedColorScheme } from "@mantine/core";
import { useMemo } from "react";
import classes from "./patch-view.module.css";
import type { FilePatch } from "./split-patch.ts";

/** Above this, colouring the syntax costs more than it helps. */
const HIGHLIGHT_MAX_CHARACTERS = 200_000;

export function PatchView({ patch, mode }: { patch: FilePatch; mode: "unified" | "split" }) {
  const scheme = useComputedColorScheme("light");
  const data = useMemo(() => {
    const language = patch.path.split(".").at(-1) ?? "";
    const file = { fileName: patch.path, fileLang: language, content: null };
    return { oldFile: file, newFile: file, hunks: [patch.text] };
  }, [patch]);
  return (
    <div className={classes["patch"]}>
      <p className={classes["path"]}>{patch.path}</p>
      <DiffView
        data={data}
        diffViewMode={mode === "split" ? DiffModeEnum.Split : DiffModeEnum.Unified}
        diffViewTheme={scheme}
        diffViewFontSize={12.5}
        diffViewHighlight={patch.text.length <= HIGHLIGHT_MAX_CHARACTERS}
        diffViewWrap
      />
    </div>
  );
}
