import { describe, expect, test } from "vitest";
import { archivePath, wholePath } from "../../../src/container/archive/path.ts";
import { placeCopy } from "../../../src/container/archive/place.ts";

describe("paths of cp", () => {
  test.each([
    ["/a/b", "/a/b", "b", "/a"],
    ["/a/b/", "/a/b/", "b", "/a"],
    ["/a/b/.", "/a/b/.", ".", "/a/b"],
    ["a/../../b", "/b", "b", "/"],
    ["/", "/", "", "/"],
    ["/.", "/", ".", "/"],
    [".", "/", ".", "/"],
    ["/a//b/..", "/a", "a", "/"],
  ])("%s", (text, whole, base, parent) => {
    const path = archivePath(text);
    expect([wholePath(path), path.base, path.parent]).toEqual([whole, base, parent]);
  });

  test("count from where we are", () => {
    expect(wholePath(archivePath("x/.", "/home/me"))).toBe("/home/me/x/.");
    expect(wholePath(archivePath("..", "/home/me"))).toBe("/home");
  });
});

describe("the place of a copy", () => {
  const file = { base: "f", isDirectory: false };
  const folder = { base: "d", isDirectory: true };
  const content = { base: ".", isDirectory: true };
  const at = (text: string, kind: "absent" | "file" | "directory") => ({
    path: archivePath(text),
    shown: text,
    exists: kind !== "absent",
    isDirectory: kind === "directory",
  });

  test.each([
    [file, at("/to", "directory"), "/to", "f"],
    [file, at("/to/", "directory"), "/to", "f"],
    [file, at("/to/g", "file"), "/to", "g"],
    [file, at("/to/g", "absent"), "/to", "g"],
    [folder, at("/to", "directory"), "/to", "d"],
    [folder, at("/to/new", "absent"), "/to", "new"],
    [folder, at("/to/new/", "absent"), "/to", "new"],
    [content, at("/to", "directory"), "/to", "."],
    [content, at("/to/new", "absent"), "/to", "new"],
  ])("%o to %o", (source, destination, directory, name) => {
    expect(placeCopy(source, destination)).toEqual({ directory, name });
  });

  test.each([
    [folder, at("/to", "file"), /cannot copy directory/],
    [content, at("/to", "file"), /cannot copy directory/],
    [file, at("/new/", "absent"), /no such directory/],
    [file, at("/new/.", "absent"), /no such directory/],
  ])("%o to %o is refused", (source, destination, message) => {
    expect(() => placeCopy(source, destination)).toThrow(message);
  });
});
