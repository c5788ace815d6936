import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";

const home = join(import.meta.dirname, "../..");
const roomFolders = ["src", "net", "cgroup", "rootfs", "overlay"];

/** Imports go from a higher level to a lower one, or stay inside their room. */
const levels: Readonly<Record<string, number>> = {
  "src/core": 0,
  "src/sys": 1,
  "src/program": 2,
  net: 3,
  cgroup: 3,
  rootfs: 3,
  overlay: 3,
  "src/security": 3,
  "src/logs": 3,
  "src/container": 4,
  "src/rootless": 5,
  "src/supervisor": 5,
  "src/lab": 5,
  "src/cli": 6,
  "src/main.ts": 7,
};

/** Libraries that only these places may load. */
const libraryBorders: Readonly<Record<string, RegExp>> = {
  koffi: /^src\/sys\//,
  commander: /^src\/cli\//,
  fastify: /^src\/supervisor\//,
  execa: /^(rootfs\/|src\/container\/top\.ts|src\/cli\/)/,
};

function sources(folder: string): string[] {
  return readdirSync(join(home, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => relative(home, join(entry.parentPath, entry.name)));
}

function roomOf(file: string): string {
  const [top, second] = file.split("/");
  return top === "src" ? `src/${second}` : String(top);
}

const imports = roomFolders.flatMap(sources).flatMap((file) =>
  [...readFileSync(join(home, file), "utf8").matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => ({
    file,
    target: String(match[1]),
  })),
);

describe("borders between rooms", () => {
  test("there is something to check", () => {
    expect(imports.length).toBeGreaterThan(20);
  });

  test("imports go one way", () => {
    const crossings = imports
      .filter(({ target }) => target.startsWith("."))
      .map(({ file, target }) => ({ file, target: relative(home, join(home, dirname(file), target)) }))
      .filter(({ file, target }) => {
        const [from, to] = [roomOf(file), roomOf(target)];
        if (from === to) return false;
        const [high, low] = [levels[from], levels[to]];
        return high === undefined || low === undefined || high <= low;
      })
      .map(({ file, target }) => `${file} -> ${target}`);
    expect(crossings).toEqual([]);
  });

  test("libraries stay behind their borders", () => {
    const strays = imports
      .filter(({ file, target }) => {
        const allowed = libraryBorders[target];
        return allowed !== undefined && !allowed.test(file);
      })
      .map(({ file, target }) => `${file} -> ${target}`);
    expect(strays).toEqual([]);
  });

  test("no barrels and no dumping grounds", () => {
    const names = roomFolders
      .flatMap(sources)
      .filter((file) => /(^|\/)(index|utils?|helpers?|common|misc)\.ts$/.test(file));
    expect(names).toEqual([]);
  });
});
