// Which folder is taken for one in memory.
import { expect, test } from "vitest";
import { isInMemory } from "../../scripts/quality/memory-folder.ts";

const mounts = (...options: string[]) =>
  `/dev/vda / ext4 rw,relatime 0 0\n${options.map((option) => `shm /dev/shm ${option} 0 0\n`).join("")}`;

test.each([
  ["a folder that programs run in", mounts("tmpfs rw,nosuid,nodev,size=16g"), true],
  ["one that they may not", mounts("tmpfs rw,nosuid,nodev,noexec,size=16g"), false],
  ["one that is only read", mounts("tmpfs ro,nosuid"), false],
  ["one on a disk", mounts("ext4 rw,relatime"), false],
  ["one that something on a disk is mounted over", mounts("tmpfs rw", "ext4 rw"), false],
  ["one that is no mount of its own", mounts(), false],
])("files of tests lie in memory in %s: %s", (_what, given, expected) => {
  expect(isInMemory("/dev/shm", given)).toBe(expected);
});
