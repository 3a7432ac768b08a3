// The look: one accent, cool neutrals, system fonts. Everything else about colour follows from these tables and from the
// tokens in tokens.css.
import { createTheme, type MantineColorsTuple, type MantineTheme } from "@mantine/core";

const accent: MantineColorsTuple = [
  "#e3faf5",
  "#c6f1e7",
  "#97e4d3",
  "#64d4bd",
  "#3cc4aa",
  "#25b096",
  "#12957e",
  "#0b7565",
  "#085f53",
  "#064a41",
];

const dark: MantineColorsTuple = [
  "#dfe4e5",
  "#b9c1c3",
  "#98a2a5",
  "#748084",
  "#3a4346",
  "#2c3437",
  "#20272a",
  "#171c1e",
  "#121617",
  "#0d1011",
];

const SANS =
  'Inter, ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif';
const MONO =
  'ui-monospace, SFMono-Regular, "SF Mono", "Cascadia Code", "JetBrains Mono", Menlo, Consolas, "Liberation Mono", "DejaVu Sans Mono", monospace';

export const theme = createTheme({
  primaryColor: "accent",
  // White on it has a contrast of 5.6 to 1, in both schemes.
  primaryShade: 7,
  colors: { accent, dark },
  fontFamily: SANS,
  fontFamilyMonospace: MONO,
  headings: { fontFamily: SANS, fontWeight: "650" },
  defaultRadius: "md",
  cursorType: "pointer",
  focusRing: "auto",
  respectReducedMotion: true,
  components: {
    Alert: {
      // In the page's own tones of warning and failure.
      vars: (_theme: MantineTheme, { color }: { color?: unknown }) => {
        const tone = color === "red" ? "negative" : "warning";
        return {
          root: {
            "--alert-bg": `var(--${tone}-soft)`,
            "--alert-color": `var(--${tone})`,
            "--alert-bd": `1px solid var(--${tone}-line)`,
          },
        };
      },
    },
    Loader: { defaultProps: { color: "var(--accent)" } },
    Modal: {
      defaultProps: { radius: "lg", overlayProps: { backgroundOpacity: 0.45, blur: 2 } },
      styles: { content: { background: "var(--surface)" }, header: { background: "var(--surface)" } },
    },
    Tooltip: { defaultProps: { openDelay: 350, withArrow: true } },
    ActionIcon: { defaultProps: { variant: "subtle", color: "gray" } },
    // Without the placeholder the first item has the focus at once, and nothing but items stands in a menu.
    Menu: { defaultProps: { radius: "md", shadow: "md", withInitialFocusPlaceholder: false } },
  },
});
