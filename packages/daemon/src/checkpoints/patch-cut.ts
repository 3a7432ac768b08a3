// Cuts a unified diff to a size where a reader can still parse it: at the start of a file or of a hunk.

/**
 * Returns at most `maxBytes` (as UTF-8) of `patch`. Bytes that are not UTF-8 become U+FFFD.
 * A file whose first hunk does not fit is left out whole.
 */
export function cutPatch(
  patch: Buffer,
  options: { readonly maxBytes: number; readonly isComplete: boolean },
): { readonly patch: string; readonly truncated: boolean } {
  const text = patch.toString("utf8");
  const bytes = Buffer.from(text);
  if (options.isComplete && bytes.length <= options.maxBytes) return { patch: text, truncated: false };

  // The last start at or below the limit: everything before it is whole. No line of a hunk starts
  // with "diff --git " or "@@ ", because each has its own first character.
  const limited = bytes.subarray(0, options.maxBytes);
  let end = 0;
  let fileStart = 0;
  let hunksOfFile = 0;
  for (let line = 0; line !== -1 && line < limited.length; line = nextLine(limited, line)) {
    if (startsWith(limited, line, "diff --git ")) {
      fileStart = line;
      hunksOfFile = 0;
      end = line;
    } else if (startsWith(limited, line, "@@ ")) {
      end = hunksOfFile === 0 ? fileStart : line;
      hunksOfFile += 1;
    }
  }
  return { patch: limited.subarray(0, end).toString("utf8"), truncated: true };
}

function nextLine(bytes: Buffer, from: number): number {
  const newline = bytes.indexOf(0x0a, from);
  return newline === -1 ? -1 : newline + 1;
}

function startsWith(bytes: Buffer, at: number, prefix: string): boolean {
  return bytes.length >= at + prefix.length && bytes.toString("latin1", at, at + prefix.length) === prefix;
}
