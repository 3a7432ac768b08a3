// A message of the feed as the bytes of its server-sent event, checked against the contract. What the log and the nodes
// say goes to every reader as one shared object, so it is checked and written as JSON once, however many follow it.
import { FeedMessage } from "@muster/contracts";
import type { FeedItem } from "../ports.ts";

/**
 * Encoded messages that are remembered, twice this at most: a reader close behind finds them, and one far behind reads
 * objects of its own, for which remembering is no use.
 */
export const ENCODED_MAX_BYTES = 4 * 1024 * 1024;

interface Encoded {
  readonly id: string | undefined;
  readonly bytes: Uint8Array;
}

export type EncodeItem = (item: FeedItem) => Uint8Array;

/** Throws where a message does not fit the contract. */
const encode = ({ id, message }: FeedItem): Uint8Array => {
  if (id !== undefined && /[\r\n]/.test(id)) throw new TypeError("an event's id must be one line");
  const idLine = id === undefined ? "" : `id: ${id}\n`;
  // JSON has no line break outside of its escapes, so one line of data holds it.
  return Buffer.from(`event: message\n${idLine}data: ${JSON.stringify(FeedMessage.parse(message))}\n\n`);
};

/** What readers share of a message; a feed wraps events for itself. */
const sharedPartOf = (message: FeedMessage): object => (message.type === "event" ? message.event : message);

/** Encodes what it has not encoded for another reader just before. Shared objects must not change. */
export const createItemEncoder = (maxBytes = ENCODED_MAX_BYTES): EncodeItem => {
  let young = new WeakMap<object, Encoded>();
  let old = new WeakMap<object, Encoded>();
  let youngBytes = 0;
  return (item) => {
    const key = sharedPartOf(item.message);
    const known = young.get(key) ?? old.get(key);
    if (known !== undefined && known.id === item.id) return known.bytes;
    const bytes = encode(item);
    if (youngBytes + bytes.byteLength > maxBytes) {
      old = young;
      young = new WeakMap();
      youngBytes = 0;
    }
    young.set(key, { id: item.id, bytes });
    youngBytes += bytes.byteLength;
    return bytes;
  };
};
