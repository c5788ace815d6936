import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { planOverlay } from "../../../overlay/layers.ts";
import { prepareLayers, removeLayers } from "../../../overlay/prepare.ts";

let folder = "";
let directory = "";
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "mdocker-overlay-")));
  directory = join(folder, "containers/c");
  mkdirSync(directory, { recursive: true });
  for (const name of ["base", "top"]) mkdirSync(join(folder, name));
});
afterEach(() => rmSync(folder, { recursive: true }));

const plan = () =>
  planOverlay({ lowers: [join(folder, "base"), join(folder, "top")], directory, ephemeral: true });

describe("the directories of an overlay", () => {
  test("the upper looks like the topmost lower, whatever the umask", () => {
    chmodSync(join(folder, "top"), 0o1775);
    const before = process.umask(0o077);
    try {
      prepareLayers(plan());
    } finally {
      process.umask(before);
    }
    expect(statSync(join(directory, "upper")).mode & 0o7777).toBe(0o1775);
    expect(statSync(join(directory, "work")).mode & 0o7777).toBe(0o700);
  });

  test("made twice they are as made once, and keep what is in them", () => {
    prepareLayers(plan());
    writeFileSync(join(directory, "upper/kept"), "");
    chmodSync(join(directory, "upper"), 0o711);
    prepareLayers(plan());
    expect(readdirSync(directory).sort()).toEqual(["merged", "upper", "work"]);
    expect(statSync(join(directory, "upper")).mode & 0o7777).toBe(0o711);
    expect(existsSync(join(directory, "upper/kept"))).toBe(true);
  });

  test("a lower that is not there or no directory is named", () => {
    rmSync(join(folder, "base"), { recursive: true });
    expect(() => prepareLayers(plan())).toThrow(`layer ${folder}/base: no such directory`);
    writeFileSync(join(folder, "base"), "");
    expect(() => prepareLayers(plan())).toThrow(`layer ${folder}/base: is not a directory`);
    expect(readdirSync(directory)).toEqual([]);
  });

  test("removal leaves the rest of the container's directory, and the lowers, alone", () => {
    prepareLayers(plan());
    writeFileSync(join(directory, "record.json"), "{}");
    writeFileSync(join(folder, "base/file"), "");
    mkdirSync(join(directory, "work/work/incompat/volatile"), { recursive: true });
    mkdirSync(join(directory, "upper/etc"), { recursive: true });
    removeLayers(directory);
    removeLayers(directory);
    expect(readdirSync(directory)).toEqual(["record.json"]);
    expect(existsSync(join(folder, "base/file"))).toBe(true);
    removeLayers(join(folder, "never-there"));
  });
});
