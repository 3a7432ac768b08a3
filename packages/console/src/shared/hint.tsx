// Text in which words between backticks are code, as the hints of the error table write commands.
import { Fragment } from "react";
import classes from "./hint.module.css";

export function Hint({ text }: { text: string }) {
  return text.split("`").map((part, index) =>
    index % 2 === 0 ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: parts of a text have no identity but their place.
      <Fragment key={index}>{part}</Fragment>
    ) : (
      // biome-ignore lint/suspicious/noArrayIndexKey: as above.
      <code key={index} className={classes["code"]}>
        {part}
      </code>
    ),
  );
}
