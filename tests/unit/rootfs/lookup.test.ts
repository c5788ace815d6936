import {
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findInLayers, lookUp, readTextInLayers } from "../../../rootfs/lookup.ts";
import { outputOf } from "../../harness/command.ts";
import "../seed.ts";

let folder = "";
let low = "";
let high = "";
let layers: string[] = [];

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "mdocker-lookup-")));
  [low, high] = [join(folder, "low"), join(folder, "high")];
  layers = [low, high];
  for (const layer of layers) mkdirSync(join(layer, "etc"), { recursive: true });
  writeFileSync(join(folder, "secret"), "outside");
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("a path in a stack of layers", () => {
  test("the topmost layer that has it wins, directories merge", () => {
    writeFileSync(join(low, "etc/passwd"), "low");
    writeFileSync(join(low, "etc/group"), "low");
    writeFileSync(join(high, "etc/passwd"), "high");
    expect(findInLayers(layers, "/etc/passwd")).toBe(join(high, "etc/passwd"));
    expect(findInLayers(layers, "etc//./group")).toBe(join(low, "etc/group"));
    expect(findInLayers(layers, "/etc")).toBe(join(high, "etc"));
    expect(findInLayers(layers, "/")).toBe(high);
    expect(lookUp(layers, "/etc/nothing")).toBe("ENOENT");
    expect(lookUp(layers, "/etc/passwd/x")).toBe("ENOTDIR");
    expect(lookUp([], "/")).toBe("ENOENT");
  });

  test("a file hides a directory below it, a directory a file", () => {
    mkdirSync(join(low, "a"));
    writeFileSync(join(low, "a/inside"), "");
    writeFileSync(join(high, "a"), "");
    writeFileSync(join(low, "b"), "");
    mkdirSync(join(high, "b"));
    expect(findInLayers(layers, "/a")).toBe(join(high, "a"));
    expect(lookUp(layers, "/a/inside")).toBe("ENOTDIR");
    expect(findInLayers(layers, "/b")).toBe(join(high, "b"));
  });

  test("an absolute link starts at the image's own root", () => {
    writeFileSync(join(low, "etc/real"), "");
    symlinkSync("/etc/real", join(high, "etc/link"));
    expect(lookUp(layers, "/etc/link")).toMatchObject({ host: join(low, "etc/real"), path: "/etc/real" });
    symlinkSync(join(folder, "secret"), join(high, "etc/out"));
    expect(lookUp(layers, "/etc/out")).toBe("ENOENT");
  });

  test(".. never leaves the root, in a path or in a link", () => {
    symlinkSync("../../../../../../../../secret", join(high, "etc/out"));
    expect(lookUp(layers, "/etc/out")).toBe("ENOENT");
    expect(lookUp(layers, "../../secret")).toBe("ENOENT");
    writeFileSync(join(low, "here"), "");
    symlinkSync("../../../here", join(high, "etc/in"));
    expect(lookUp(layers, "/../etc/../etc/in")).toMatchObject({ host: join(low, "here"), path: "/here" });
  });

  test("after a link .. means the parent of where it led", () => {
    mkdirSync(join(low, "usr/lib/deep"), { recursive: true });
    writeFileSync(join(low, "usr/lib/found"), "");
    symlinkSync("usr/lib/deep", join(low, "short"));
    expect(findInLayers(layers, "/short/../found")).toBe(join(low, "usr/lib/found"));
  });

  test("loops end", () => {
    symlinkSync("b", join(low, "a"));
    symlinkSync("a", join(high, "b"));
    symlinkSync(".", join(low, "self"));
    expect(lookUp(layers, "/a")).toBe("ELOOP");
    expect(lookUp(layers, `/${"self/".repeat(40)}etc`)).toMatchObject({ path: "/etc" });
    expect(lookUp(layers, `/${"self/".repeat(41)}etc`)).toBe("ELOOP");
  });

  test("links that multiply do not run away", () => {
    symlinkSync(`${"x/".repeat(1500)}y`, join(low, "x"));
    expect(["ELOOP", "ENOENT"]).toContain(lookUp(layers, "/x"));
  });

  test("names that no file can have are not there", () => {
    expect(lookUp(layers, "/etc/a\0b")).toBe("ENOENT");
    expect(lookUp(layers, `/${"n".repeat(256)}`)).toBe("ENOENT");
  });

  test("any path stays below the layers", () => {
    symlinkSync("/", join(low, "root"));
    symlinkSync("../..", join(low, "etc/up"));
    symlinkSync("..", join(high, "etc/back"));
    writeFileSync(join(low, "etc/file"), "");
    const part = fc.constantFrom("..", ".", "", "etc", "root", "up", "back", "file", "secret", "tmp");
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const found = lookUp(layers, parts.join("/"));
        if (typeof found === "string") return;
        expect(realpathSync(found.host)).toBe(found.host);
        expect(layers.some((layer) => found.host === layer || found.host.startsWith(`${layer}/`))).toBe(true);
      }),
    );
  });
});

describe("the text of a file of an image", () => {
  test("is read through links, and missing when it is no regular file", () => {
    writeFileSync(join(low, "etc/passwd.real"), "root");
    symlinkSync("passwd.real", join(high, "etc/passwd"));
    expect(readTextInLayers(layers, "/etc/passwd")).toBe("root");
    expect(readTextInLayers(layers, "/etc")).toBeUndefined();
    expect(readTextInLayers(layers, "/etc/shadow")).toBeUndefined();
  });

  test("a FIFO in its place does not block", async () => {
    await outputOf(["mkfifo", join(high, "etc/passwd")]);
    expect(readTextInLayers(layers, "/etc/passwd")).toBeUndefined();
  });

  test("a monstrous one is refused", () => {
    writeFileSync(join(high, "etc/passwd"), "");
    truncateSync(join(high, "etc/passwd"), 1 << 30);
    expect(() => readTextInLayers(layers, "/etc/passwd")).toThrow(
      "/etc/passwd of the image has 1073741824 bytes",
    );
  });
});
