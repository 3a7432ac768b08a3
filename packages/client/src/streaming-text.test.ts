// Live text meets persisted text: whatever is lost, doubled or late, the reader ends with exactly the final text.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { emptyStreamingText, mergeDelta, mergePersisted, visibleText } from "./streaming-text.ts";

describe("a streaming message", () => {
  test("ORC-23 shows live text ahead of what is persisted", () => {
    let message = mergePersisted(emptyStreamingText, "Hel");
    message = mergeDelta(message, { offset: 3, text: "lo" });
    expect(visibleText(message)).toBe("Hello");
  });

  test("ORC-23 lets live text behind a hole wait for the persisted text that fills it", () => {
    let message = mergeDelta(emptyStreamingText, { offset: 6, text: "world" });
    expect(visibleText(message)).toBe("");
    message = mergePersisted(message, "Hello ");
    expect(visibleText(message)).toBe("Hello world");
  });

  test("ORC-23 counts offsets in UTF-16 code units", () => {
    const message = mergeDelta(mergePersisted(emptyStreamingText, "👍"), { offset: 2, text: "!" });
    expect(visibleText(message)).toBe("👍!");
  });

  test("ORC-23 lets persisted text win over live text that says something else", () => {
    const message = mergePersisted(mergeDelta(emptyStreamingText, { offset: 0, text: "wrong!" }), "right");
    expect(visibleText(message)).toBe("right!");
    expect(visibleText(mergePersisted(message, "right."))).toBe("right.");
  });

  test("is the same object when a delta brings nothing new", () => {
    const message = mergePersisted(emptyStreamingText, "Hello");
    expect(mergeDelta(message, { offset: 1, text: "ell" })).toBe(message);
  });

  test("ORC-23 ends with exactly the final text whichever deltas are lost, doubled or out of order", () => {
    const piece = fc.record({ start: fc.nat(200), length: fc.integer({ min: 1, max: 40 }), isPersisted: fc.boolean() });
    fc.assert(
      fc.property(
        fc.string({ minLength: 1, maxLength: 200, unit: "binary" }),
        fc.array(piece, { maxLength: 60 }),
        (text, steps) => {
          let message = emptyStreamingText;
          let persisted = 0;
          for (const { start, length, isPersisted } of steps) {
            if (isPersisted) {
              persisted = Math.min(text.length, persisted + length);
              message = mergePersisted(message, text.slice(0, persisted));
            } else if (start < text.length) {
              message = mergeDelta(message, { offset: start, text: text.slice(start, start + length) });
            }
            const shown = visibleText(message);
            expect(text.startsWith(shown)).toBe(true);
            expect(shown.length).toBeGreaterThanOrEqual(persisted);
          }
          expect(visibleText(mergePersisted(message, text))).toBe(text);
        },
      ),
    );
  });
});
