import { expect, test } from "vitest";
import { pathStatHeader } from "../../../src/container/archive/stat.ts";

function modeOf(mode: number): number {
  const stat = { name: "x", size: 0, mode, mtime: new Date(0), linkTarget: "" };
  return (JSON.parse(Buffer.from(pathStatHeader(stat), "base64").toString()) as { readonly mode: number })
    .mode;
}

// The figures are those of Go's io/fs package: ModeDir is bit 31, ModeSymlink 27, ModeDevice 26, ModeNamedPipe 25,
// ModeSocket 24, ModeSetuid 23, ModeSetgid 22, ModeCharDevice 21, ModeSticky 20.
test.each([
  ["a file", 0o100644, 0o644],
  ["a directory", 0o040755, 2 ** 31 + 0o755],
  ["a sticky directory", 0o041777, 2 ** 31 + 2 ** 20 + 0o777],
  ["a symbolic link", 0o120777, 2 ** 27 + 0o777],
  ["a block device", 0o060660, 2 ** 26 + 0o660],
  ["a character device", 0o020666, 2 ** 26 + 2 ** 21 + 0o666],
  ["a FIFO", 0o010600, 2 ** 25 + 0o600],
  ["a socket", 0o140755, 2 ** 24 + 0o755],
  ["a set-user-id program", 0o104755, 2 ** 23 + 0o755],
  ["a set-group-id program", 0o102755, 2 ** 22 + 0o755],
])("the mode of %s is told in Go's way", (_, mode, expected) => {
  expect(modeOf(mode)).toBe(expected);
});
