import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { digestLayer, packLayer, readLayer } from "../../../rootfs/layer-tar.ts";
import { LayerTree } from "../../../rootfs/layer-tree.ts";
import { writeLayer } from "../../../rootfs/layer-write.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mdocker-layer-"));
  writeFileSync(join(folder, "host"), "host bytes");
  chmodSync(join(folder, "host"), 0o4711);
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Owned by whoever runs the test, so that it needs no privilege. */
const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

type Step = (tree: LayerTree) => void;
const steps: readonly Step[] = [
  (tree) => tree.directory("/tmp", { mode: 0o1777, ...own }),
  (tree) => tree.copy("/bin/tool", join(folder, "host"), { mode: 0o755, ...own }),
  (tree) => tree.text("/etc/name", "text\n", own),
  (tree) => tree.text(`/etc/${"long".repeat(40)}`, "", own),
  (tree) => tree.link("/lib64/loader", "/lib/x/loader"),
  (tree) => tree.mergeIntoUsr("bin"),
];

function build(order: readonly Step[]): LayerTree {
  const tree = new LayerTree();
  for (const step of order) step(tree);
  return tree;
}

describe("a layer", () => {
  test("has /usr merged, the directories above everything, and relative links", () => {
    const paths = build(steps).entries.map(({ path }) => path);
    expect(paths).toEqual([...paths].sort());
    expect(paths).toEqual(
      expect.arrayContaining(["bin", "etc", "usr", "usr/bin", "usr/bin/tool", "usr/lib64"]),
    );
    expect(build(steps).entries.find(({ path }) => path === "usr/lib64/loader")).toMatchObject({
      target: "../lib/x/loader",
    });
  });

  test("the first word on a path counts", () => {
    const tree = build(steps);
    tree.text("/etc/name", "other");
    tree.directory("/");
    expect(tree.entries.find(({ path }) => path === "etc/name")).toMatchObject({ content: "text\n" });
    expect(tree.entries.some(({ path }) => path === "")).toBe(false);
  });

  test("the digest does not depend on order, umask or time", async () => {
    const digest = await digestLayer(build(steps).entries);
    expect(await digestLayer(build([...steps].reverse()).entries)).toEqual(digest);
    expect(digest.size).toBe("host bytes".length + "text\n".length);
    expect(digest.diffId).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  test("the stream is a tar archive that others read", async () => {
    const { extract } = await import("tar-stream");
    const chunks: Uint8Array[] = [];
    await packLayer(build(steps).entries, (chunk) => chunks.push(chunk));
    const seen: unknown[] = [];
    const archive = extract();
    archive.end(Buffer.concat(chunks));
    for await (const entry of archive) {
      const { name, type, mode, mtime, uname } = entry.header;
      seen.push([name, type, mode?.toString(8), mtime?.getTime(), uname]);
      entry.resume();
    }
    expect(seen).toEqual([
      ["bin", "symlink", "777", 0, ""],
      ["etc/", "directory", "755", 0, ""],
      [`etc/${"long".repeat(40)}`, "file", "644", 0, ""],
      ["etc/name", "file", "644", 0, ""],
      ["tmp/", "directory", "1777", 0, ""],
      ["usr/", "directory", "755", 0, ""],
      ["usr/bin/", "directory", "755", 0, ""],
      ["usr/bin/tool", "file", "755", 0, ""],
      ["usr/lib64/", "directory", "755", 0, ""],
      ["usr/lib64/loader", "symlink", "777", 0, ""],
    ]);
  });

  test("unpacked under a strict umask it is what was said, without the host file's setuid bit", () => {
    const root = join(folder, "root");
    mkdirSync(root, { mode: 0o700 });
    const before = process.umask(0o077);
    try {
      // Entries of root's are not for an ordinary user to make.
      writeLayer(
        root,
        build(steps).entries.map((entry) => ({ ...entry, ...own })),
      );
    } finally {
      process.umask(before);
    }
    expect(statSync(root).mode & 0o7777).toBe(0o755);
    expect(statSync(join(root, "tmp")).mode & 0o7777).toBe(0o1777);
    expect(statSync(join(root, "usr/bin/tool")).mode & 0o7777).toBe(0o755);
    for (const path of ["", "etc", "etc/name", "usr/bin"]) expect(statSync(join(root, path)).mtimeMs).toBe(0);
  });

  test("read back from disk it has the digest it was made with", async () => {
    const root = join(folder, "root");
    mkdirSync(root);
    const entries = build(steps).entries.map((entry) => ({ ...entry, ...own }));
    writeLayer(root, entries);
    expect(await digestLayer(readLayer(root))).toEqual(await digestLayer(entries));
  });
});
