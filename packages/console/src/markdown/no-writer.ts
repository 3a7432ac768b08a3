// Stands for `mdast-util-to-markdown` in the bundle (see vite.config.ts). What reads tables and task lists brings it along
// to write Markdown again, which this page never does.
export const defaultHandlers = {};
