// UUIDv7 (RFC 9562 §5.7) with a 12-bit counter in rand_a (§6.2 method 1), so that ids of one maker sort in the
// order they were made, also within a millisecond and when the clock steps back.
import type { Clock, Ids, Random } from "./ports.ts";

const COUNTER_MAX = 0xfff;
/** Ids whose random bytes are drawn at once: a call into the system per id costs more than all the rest. */
const DRAWN_IDS = 64;
const ID_BYTES = 16;

/** A maker of UUIDv7s. Each maker is monotonic by itself; two makers differ by 62 random bits. */
export function createIds(clock: Clock, random: Random): Ids {
  const drawn = new Uint8Array(DRAWN_IDS * ID_BYTES);
  let used = drawn.length;
  const hex: string[] = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, "0"));
  let lastMs = -1;
  let counter = 0;
  return {
    next(): string {
      const now = Math.floor(clock.now());
      if (used === drawn.length) {
        random.fill(drawn);
        used = 0;
      }
      const bytes = drawn.subarray(used, used + ID_BYTES);
      used += ID_BYTES;
      if (now > lastMs) {
        lastMs = now;
        // Half of the counter's room is kept free, so that a burst within this millisecond rarely overflows it.
        counter = (((bytes[6] ?? 0) << 8) | (bytes[7] ?? 0)) & 0x7ff;
      } else if (counter < COUNTER_MAX) {
        counter += 1;
      } else {
        lastMs += 1;
        counter = 0;
      }
      for (let index = 5, rest = lastMs; index >= 0; index -= 1) {
        bytes[index] = rest % 256;
        rest = Math.floor(rest / 256);
      }
      bytes[6] = 0x70 | (counter >> 8);
      bytes[7] = counter & 0xff;
      bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
      let text = "";
      for (let index = 0; index < 16; index += 1) {
        text += hex[bytes[index] ?? 0];
        if (index === 3 || index === 5 || index === 7 || index === 9) text += "-";
      }
      return text;
    },
  };
}
