import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { removeTree } from "../../../src/core/remove-tree.ts";
import { outputOf } from "../../harness/command.ts";

let folder = "";
let tree = "";
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "mdocker-remove-")));
  tree = join(folder, "tree");
  mkdirSync(tree);
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("removing a tree", () => {
  test("nothing there, nothing in it, or just a file", () => {
    removeTree(join(folder, "nothing"));
    removeTree(join(folder, "nothing/below"));
    removeTree(tree);
    expect(existsSync(tree)).toBe(false);
    writeFileSync(tree, "");
    removeTree(tree);
    expect(existsSync(tree)).toBe(false);
  });

  test("links are removed, what they point to is not", () => {
    mkdirSync(join(folder, "outside"));
    writeFileSync(join(folder, "outside/kept"), "");
    symlinkSync(join(folder, "outside"), join(tree, "absolute"));
    symlinkSync("../outside", join(tree, "relative"));
    symlinkSync("nowhere", join(tree, "dangling"));
    removeTree(tree);
    expect(existsSync(tree)).toBe(false);
    expect(readdirSync(join(folder, "outside"))).toEqual(["kept"]);
    symlinkSync(join(folder, "outside"), tree);
    removeTree(tree);
    expect(readdirSync(folder)).toEqual(["outside"]);
  });

  test("directories that nobody may enter", () => {
    mkdirSync(join(tree, "work/work"), { recursive: true });
    writeFileSync(join(tree, "work/work/file"), "");
    chmodSync(join(tree, "work/work"), 0);
    removeTree(tree, false);
    expect(existsSync(tree)).toBe(false);
  });

  test("names that are not UTF-8, and a fifo of an odd name", async () => {
    mkdirSync(Buffer.from(`${tree}/\xff\xfe`, "latin1"));
    writeFileSync(Buffer.concat([Buffer.from(tree), Buffer.from("/\xff\xfe/\xc3(\n", "latin1")]), "");
    mkdirSync(join(tree, "ünïcödé"));
    writeFileSync(join(tree, "ünïcödé/日本"), "");
    await outputOf(["mkfifo", join(tree, "a b\\c")]);
    removeTree(tree);
    expect(existsSync(tree)).toBe(false);
  });

  test("a tree deeper than any path can be", () => {
    // Chains of directories, each as long as a path may be, hung below one another: 3000 levels.
    const chain = "/deep".repeat(500);
    for (let i = 0; i < 6; i += 1) {
      const place = join(folder, "chain");
      mkdirSync(place + chain, { recursive: true });
      for (const name of ["file", ".deep0"]) writeFileSync(`${place}${chain}/${name}`, "");
      renameSync(tree, `${place}${chain}/below`);
      renameSync(place, tree);
    }
    removeTree(tree);
    expect(existsSync(tree)).toBe(false);
  });
});
