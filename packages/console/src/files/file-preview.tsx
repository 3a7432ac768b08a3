// One file: its lines with their numbers, or why there are none to show.
import { ActionIcon, Skeleton, Stack, Tooltip } from "@mantine/core";
import type { FileContent, ProjectId } from "@muster/contracts";
import { IconBinary, IconFile, IconTextWrap } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type CSSProperties, memo, useMemo, useState } from "react";
import { useMuster } from "../application/muster.tsx";
import { CopyButton } from "../shared/copy-button.tsx";
import classes from "./file-preview.module.css";
import { fileSize } from "./file-size.ts";
import { FilesFailure, FilesState } from "./files-failure.tsx";

/** More lines than anybody reads, and as many as a page draws at once. */
const LINES_MAX = 20_000;
/** Lines that are laid out together. */
const BLOCK_LINES = 200;
/** Whole files are kept only while they are looked at, and a moment longer. */
const KEPT_MS = 30_000;

interface FilePreviewProps {
  readonly projectId: ProjectId;
  readonly path: string;
  readonly ignored: boolean;
}

export function FilePreview({ projectId, path, ignored }: FilePreviewProps) {
  const { client } = useMuster();
  const [wraps, setWraps] = useState(true);
  const file = useQuery({
    queryKey: ["files", projectId, "content", path, ignored],
    queryFn: ({ signal }) => client.api.node.files.read({ projectId, path, ignored }, { signal }),
    gcTime: KEPT_MS,
  });
  const text = file.data?.encoding === "utf-8" ? file.data.content : "";
  return (
    <section className={classes["preview"]} aria-label={path} data-testid="file-preview">
      <header className={classes["bar"]}>
        <span className={classes["path"]}>{path}</span>
        {file.data !== undefined && <span className={classes["size"]}>{fileSize(file.data.sizeBytes)}</span>}
        {text !== "" && (
          <>
            <Tooltip label={wraps ? "Long lines in one line" : "Wrap long lines"}>
              <ActionIcon aria-label="Wrap long lines" aria-pressed={wraps} onClick={() => setWraps(!wraps)}>
                <IconTextWrap size={16} />
              </ActionIcon>
            </Tooltip>
            <CopyButton text={text} label="Copy the file" />
          </>
        )}
      </header>
      {file.isPending && <Loading />}
      {file.isError && <FilesFailure error={file.error} onRetry={() => void file.refetch()} />}
      {file.isSuccess && <Content file={file.data} wraps={wraps} />}
    </section>
  );
}

function Content({ file, wraps }: { file: FileContent; wraps: boolean }) {
  if (file.encoding === "base64")
    return (
      <FilesState icon={IconBinary} title="Not a text">
        The file holds {fileSize(file.sizeBytes)} that are no text.
      </FilesState>
    );
  if (file.content === "")
    return (
      <FilesState icon={IconFile} title="An empty file">
        There is nothing in it.
      </FilesState>
    );
  return <Lines content={file.content} wraps={wraps} />;
}

const Lines = memo(function Lines({ content, wraps }: { content: string; wraps: boolean }) {
  const { blocks, count } = useMemo(() => blocksOf(content), [content]);
  const digits = String(Math.min(count, LINES_MAX)).length;
  return (
    <section
      className={classes["lines"]}
      data-wraps={wraps}
      style={{ "--digits": digits } as CSSProperties}
      aria-label="Content of the file"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
      tabIndex={0}
      data-testid="file-lines"
    >
      {blocks.map((lines, block) => (
        <div
          // biome-ignore lint/suspicious/noArrayIndexKey: lines have no identity but their place.
          key={block}
          className={classes["block"]}
          style={{ "--lines": lines.length } as CSSProperties}
        >
          {lines.map((line, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: as above.
            <div key={index} className={classes["line"]} data-number={block * BLOCK_LINES + index + 1}>
              {line === "" ? "\n" : line}
            </div>
          ))}
        </div>
      ))}
      {count > LINES_MAX && (
        <p className={classes["more"]}>
          The first {LINES_MAX.toLocaleString("en")} of {count.toLocaleString("en")} lines. Copying takes all.
        </p>
      )}
    </section>
  );
});

/** A line end at the very end begins no line. */
function blocksOf(content: string): { blocks: string[][]; count: number } {
  const lines = content.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/);
  if (lines.at(-1) === "") lines.pop();
  const blocks: string[][] = [];
  for (let start = 0; start < Math.min(lines.length, LINES_MAX); start += BLOCK_LINES)
    blocks.push(lines.slice(start, Math.min(start + BLOCK_LINES, LINES_MAX)));
  return { blocks, count: lines.length };
}

function Loading() {
  return (
    <Stack p="md" gap={9} role="status" aria-label="Reading the file">
      {[55, 72, 40, 66, 80, 35].map((width) => (
        <Skeleton key={width} height={12} width={`${width}%`} radius="xl" />
      ))}
    </Stack>
  );
}
