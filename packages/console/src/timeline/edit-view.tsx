// A small edit as a tool reports it, before the turn's real diff is there.
import { useMemo } from "react";
import { useWorkspacePath } from "../shared/workspace-path.tsx";
import { editLines } from "./edit-lines.ts";
import classes from "./edit-view.module.css";

export function EditView({
  edit,
}: {
  edit: { readonly path: string; readonly oldText: string | null; readonly newText: string };
}) {
  const shorten = useWorkspacePath();
  const lines = useMemo(() => editLines(edit.oldText, edit.newText), [edit.oldText, edit.newText]);
  return (
    <figure className={classes["edit"]}>
      <figcaption className={classes["path"]}>{shorten(edit.path)}</figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
      <pre className={classes["lines"]} tabIndex={0}>
        {lines.map((line, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines have no identity but their place.
          <span key={index} className={classes["line"]} data-mark={line.mark}>
            <span aria-hidden="true" className={classes["mark"]}>
              {line.mark}
            </span>
            {line.text || " "}
          </span>
        ))}
      </pre>
    </figure>
  );
}
