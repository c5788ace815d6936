// @vm
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { diffLayers } from "../../overlay/diff.ts";
import { type OverlayPlan, planOverlay } from "../../overlay/layers.ts";
import { prepareLayers, removeLayers } from "../../overlay/prepare.ts";
import { checkOverlaySupport } from "../../overlay/support.ts";
import { lookUp } from "../../rootfs/lookup.ts";
import { call } from "../../src/sys/call.ts";
import { cloneFlags, unshare } from "../../src/sys/namespaces.ts";
import { outputOf } from "../harness/command.ts";

const MS_REC = 0x4000;
const MS_PRIVATE = 0x40000;

function mount(source: string, target: string, type: string, flags = 0, options = ""): void {
  const prototype =
    "int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)";
  call(prototype, [source, target, type, flags, options], { call: "mount", subject: target });
}

function unmount(target: string): void {
  call("int umount2(const char *target, int flags)", [target, 0], { call: "umount2", subject: target });
}

const home = process.cwd();
let folder = "";
let directory = "";
let base = "";
let top = "";

// This process is the test file's own: it stays in its mount namespace to the end.
beforeAll(() => {
  unshare(cloneFlags.mount);
  mount("", "/", "", MS_REC | MS_PRIVATE);
});
afterAll(() => process.chdir(home));
beforeEach(() => {
  // A comma, a colon and a backslash: mount(2) must get every one of them right.
  folder = mkdtempSync("/var/tmp/mdocker-overlay-");
  directory = join(folder, "odd,na:me\\x");
  [base, top] = [join(folder, "ba:se,\\"), join(folder, "top")];
  for (const path of [directory, base, top]) mkdirSync(path);
});
afterEach(() => {
  process.chdir(home);
  if (mounts().length > 0) unmount(join(directory, "merged"));
  rmSync(folder, { recursive: true });
});

function mounts(): string[] {
  const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return lines.filter((line) => line.includes(folder));
}

function mountPlan(plan: OverlayPlan): void {
  prepareLayers(plan);
  if (plan.cwd !== undefined) process.chdir(plan.cwd);
  mount("overlay", plan.merged, "overlay", 0, plan.options);
  process.chdir(home);
}

function plan(lowers: readonly string[] = [base, top], ephemeral = true): OverlayPlan {
  return planOverlay({ lowers, directory, ephemeral });
}

describe("an overlay mount", () => {
  test("merges the lowers, writes go to the upper alone, odd names and all", () => {
    writeFileSync(join(base, "both"), "base");
    writeFileSync(join(base, "low"), "low");
    writeFileSync(join(top, "both"), "top");
    const { merged, upper } = plan();
    mountPlan(plan());
    expect(readdirSync(merged).sort()).toEqual(["both", "low"]);
    expect(readFileSync(join(merged, "both"), "utf8")).toBe("top");
    writeFileSync(join(merged, "low"), "written");
    expect(readFileSync(join(base, "low"), "utf8")).toBe("low");
    expect(readFileSync(join(upper, "low"), "utf8")).toBe("written");
    unmount(merged);
    removeLayers(directory);
    expect(readdirSync(directory)).toEqual([]);
  });

  test("its root has owner and mode of the topmost lower's", () => {
    chmodSync(top, 0o751);
    chownSync(top, 12, 34);
    mountPlan(plan());
    const { mode, uid, gid } = statSync(join(directory, "merged"));
    expect([mode & 0o7777, uid, gid]).toEqual([0o751, 12, 34]);
  });

  test("a kept one can be mounted again, with what was written", () => {
    const kept = plan([base], false);
    mountPlan(kept);
    writeFileSync(join(kept.merged, "file"), "kept");
    unmount(kept.merged);
    mountPlan(kept);
    expect(readFileSync(join(kept.merged, "file"), "utf8")).toBe("kept");
  });

  test("128 layers with long names fit", () => {
    const lowers = Array.from({ length: 128 }, (_, i) => join(folder, `${i}`.padStart(64, "0")));
    lowers.forEach((lower, i) => {
      mkdirSync(lower);
      writeFileSync(join(lower, `file${i}`), `${i}`);
      writeFileSync(join(lower, "last"), `${i}`);
    });
    mountPlan(plan(lowers));
    expect(readdirSync(join(directory, "merged"))).toHaveLength(129);
    expect(readFileSync(join(directory, "merged/last"), "utf8")).toBe("127");
    unmount(join(directory, "merged"));
    removeLayers(directory);
    expect(readdirSync(directory)).toEqual([]);
    expect(lowers.every((lower) => existsSync(lower))).toBe(true);
  });

  test("while it is mounted nothing of it is removed", () => {
    mountPlan(plan());
    writeFileSync(join(directory, "merged/file"), "");
    expect(() => removeLayers(directory)).toThrow("is a mount point (try umount)");
    expect(existsSync(join(directory, "upper/file"))).toBe(true);
  });

  test("a bind mount inside the upper is never emptied", () => {
    const outside = join(folder, "outside");
    mkdirSync(outside);
    writeFileSync(join(outside, "kept"), "");
    prepareLayers(plan());
    const place = join(directory, "upper/mnt");
    mkdirSync(place);
    mount(outside, place, "", 0x1000);
    try {
      expect(() => removeLayers(directory)).toThrow("is a mount point");
      expect(readdirSync(outside)).toEqual(["kept"]);
    } finally {
      unmount(place);
    }
    removeLayers(directory);
  });

  test("an immutable file is named, the rest is removed", async () => {
    const lower = plan([base]);
    prepareLayers(lower);
    const [stuck, other] = [join(lower.upper, "stuck"), join(lower.upper, "other")];
    for (const path of [stuck, other]) writeFileSync(path, "");
    await outputOf(["chattr", "+i", stuck]);
    try {
      expect(() => removeLayers(directory)).toThrow(
        /stuck.*\(immutable or append-only\? try chattr -R -ia\)/,
      );
      expect([existsSync(stuck), existsSync(other)]).toEqual([true, false]);
    } finally {
      await outputOf(["chattr", "-i", stuck]);
    }
    removeLayers(directory);
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe("what a container changed", () => {
  const list = () =>
    diffLayers(join(directory, "upper"), [base, top]).map(({ kind, path }) => `${kind} ${path}`);

  test("nothing at first, also after looking around", () => {
    mkdirSync(join(base, "etc"));
    mountPlan(plan());
    readdirSync(join(directory, "merged/etc"));
    expect(list()).toEqual([]);
  });

  test("is listed as docker does", async () => {
    for (const path of ["etc", "usr/lib", "gone/deep", "renamed"])
      mkdirSync(join(base, path), { recursive: true });
    for (const path of ["etc/passwd", "etc/old", "usr/lib/a", "gone/deep/x", "renamed/y"]) {
      writeFileSync(join(base, path), path);
    }
    writeFileSync(join(top, "topfile"), "");
    const { merged } = plan();
    mountPlan(plan());
    writeFileSync(join(merged, "etc/passwd"), "changed");
    rmSync(join(merged, "etc/old"));
    mkdirSync(join(merged, "new/dir"), { recursive: true });
    writeFileSync(join(merged, "new/dir/file"), "");
    symlinkSync("x", join(merged, "usr/lib/link"));
    rmSync(join(merged, "gone"), { recursive: true });
    chmodSync(join(merged, "topfile"), 0o600);
    await outputOf(["mv", join(merged, "renamed"), join(merged, "other")]);
    expect(list()).toEqual([
      "C /etc",
      "D /etc/old",
      "C /etc/passwd",
      "D /gone",
      "A /new",
      "A /new/dir",
      "A /new/dir/file",
      "A /other",
      "A /other/y",
      "D /renamed",
      "C /topfile",
      "C /usr",
      "C /usr/lib",
      "A /usr/lib/link",
    ]);
  });

  test("a directory made anew over a deleted one hides what was in it", () => {
    mkdirSync(join(base, "d"));
    for (const name of ["a", "b"]) writeFileSync(join(base, "d", name), "");
    const { merged, upper } = plan();
    mountPlan(plan());
    rmSync(join(merged, "d"), { recursive: true });
    mkdirSync(join(merged, "d"));
    writeFileSync(join(merged, "d/b"), "new");
    expect(list()).toEqual(["C /d", "D /d/a", "C /d/b"]);
    expect(lookUp([base, top, upper], "/d/a")).toBe("ENOENT");
  });

  test("a file in place of a directory, and the other way", () => {
    mkdirSync(join(base, "dir"));
    writeFileSync(join(base, "dir/inside"), "");
    writeFileSync(join(base, "file"), "");
    const { merged } = plan();
    mountPlan(plan());
    rmSync(join(merged, "dir"), { recursive: true });
    writeFileSync(join(merged, "dir"), "");
    rmSync(join(merged, "file"));
    mkdirSync(join(merged, "file"));
    writeFileSync(join(merged, "file/inside"), "");
    expect(list()).toEqual(["C /dir", "C /file", "A /file/inside"]);
  });

  test("names that are not UTF-8 are listed and removed", () => {
    const { merged } = plan();
    mountPlan(plan());
    writeFileSync(Buffer.concat([Buffer.from(`${merged}/`), Buffer.from([0xff, 0x61])]), "");
    expect(list()).toEqual(["A /\ufffda"]);
    unmount(merged);
    removeLayers(directory);
    expect(readdirSync(directory)).toEqual([]);
  });

  test("a lookup sees exactly what the kernel shows", () => {
    for (const path of ["a/b", "c"]) mkdirSync(join(base, path), { recursive: true });
    for (const path of ["a/1", "a/b/2", "c/3"]) writeFileSync(join(base, path), path);
    mkdirSync(join(top, "a"));
    writeFileSync(join(top, "a/1"), "top");
    symlinkSync("/a/b", join(top, "link"));
    const { merged, upper } = plan();
    mountPlan(plan());
    rmSync(join(merged, "c/3"));
    rmSync(join(merged, "a/b"), { recursive: true });
    mkdirSync(join(merged, "a/b"));
    renameSync(join(merged, "a/1"), join(merged, "a/b/moved"));
    const paths = ["/", "/a", "/a/1", "/a/b", "/a/b/2", "/a/b/moved", "/c", "/c/3", "/link", "/link/moved"];
    for (const path of paths) {
      const found = lookUp([base, top, upper], path);
      const resolved = path.replace("/link", "/a/b");
      const exists = existsSync(join(merged, resolved));
      expect([path, typeof found !== "string"]).toEqual([path, exists]);
      if (typeof found === "string") continue;
      expect(found.path).toBe(resolved);
      expect(lstatSync(found.host).mode).toBe(lstatSync(join(merged, resolved)).mode);
    }
  });
});

describe("whether a directory can hold the writable layer", () => {
  test("a usual one can, also one that is still to be made", () => {
    expect(checkOverlaySupport(folder)).toBeUndefined();
    expect(checkOverlaySupport(join(folder, "to/be/made"))).toBeUndefined();
  });

  test("an overlay cannot", () => {
    mountPlan(plan());
    const merged = join(directory, "merged");
    expect(checkOverlaySupport(merged)).toContain(`${merged} is on overlay, which cannot hold`);
  });
});
