// Text as every database can keep it, with the same length as it came, so that offsets count the same everywhere.

/** Half of a surrogate pair and NUL become U+FFFD, unit for unit: no column of UTF-8 text can hold either. */
export const storableText = (text: string): string => text.toWellFormed().replaceAll("\0", "\uFFFD");
