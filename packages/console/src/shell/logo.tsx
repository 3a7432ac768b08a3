// The mark of Muster.
import { useId } from "react";

export function Logo({ size = 26 }: { size?: number }) {
  const title = useId();
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" role="img" aria-labelledby={title}>
      <title id={title}>Muster</title>
      <rect width="32" height="32" rx="8" fill="#0b7565" />
      <path
        d="M7.5 23V10.5L16 19l8.5-8.5V23"
        fill="none"
        stroke="#fff"
        strokeWidth="2.6"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
      <circle cx="16" cy="9" r="2.4" fill="#7ff0d8" />
    </svg>
  );
}
