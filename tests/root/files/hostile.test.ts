import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ArchiveEntry } from "../../../src/container/archive/entry.ts";
import { writeTar } from "../../../src/container/archive/tar-write.ts";
import { exportContainer, getArchive, putArchive } from "../../../src/container/archive/transfer.ts";
import type { ContainerRecord } from "../../../src/container/record.ts";
import { findContainer } from "../../../src/container/refresh.ts";
import { type Running, startCommand } from "../../harness/command.ts";
import { makeTestHost, type TestHost } from "../../harness/host.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { expectNothingLeft, settled, takeSnapshot } from "../../harness/snapshot.ts";

let made: { host: TestHost; close: () => Promise<void> };
let up: Running;
/** Directories of the host that nothing may reach. */
let victim: string;

const secret = "the secret of the host";

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  for (const item of items) yield item;
}

type Part = Partial<ArchiveEntry> & Pick<ArchiveEntry, "name" | "kind"> & { readonly text?: string };

/** A tar stream with these entries. */
async function tarOf(parts: readonly Part[]): Promise<Buffer> {
  const entries = parts.map(({ text, ...part }): ArchiveEntry => {
    const bytes = part.kind === "file" ? Buffer.from(text ?? "hostile") : undefined;
    return {
      mode: 0o644,
      uid: 0,
      gid: 0,
      mtime: 0,
      size: bytes?.length ?? 0,
      target: "",
      major: 0,
      minor: 0,
      attributes: new Map(),
      content: bytes === undefined ? undefined : each([bytes]),
      ...part,
    };
  });
  const chunks: Buffer[] = [];
  for await (const chunk of writeTar(each(entries))) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function folder(): string {
  const path = join(made.host.place.root, `test-${readdirSync(made.host.place.root).length}`);
  mkdirSync(path);
  return path;
}

function expectUntouched(): void {
  expect(readdirSync(victim).sort()).toEqual(["file", "sub"]);
  expect(readdirSync(join(victim, "sub"))).toEqual([]);
  expect(readFileSync(join(victim, "file"), "utf8")).toBe(secret);
  expect(statSync(join(victim, "file")).mode & 0o7777).toBe(0o600);
}

async function put(parts: readonly Part[], to = "up:/in"): Promise<{ code: number; stderr: string }> {
  const { code, stderr } = await made.host.mdocker(["cp", "-", to], { input: await tarOf(parts) });
  expectUntouched();
  expect(stderr.split("\n").length).toBeLessThanOrEqual(2);
  return { code, stderr };
}

/** What a path of the running container holds; undefined for nothing. */
async function inside(path: string): Promise<string | undefined> {
  const root = `/proc/${record().init?.pid}/root`;
  return existsSync(root + path) ? readFileSync(root + path, "utf8") : undefined;
}

function record(name = "up"): ContainerRecord {
  return findContainer(made.host.place, name);
}

beforeAll(async () => {
  made = await makeTestHost({ image: await sharedLabImage() });
  victim = join(made.host.place.root, "victim");
  mkdirSync(join(victim, "sub"), { recursive: true });
  writeFileSync(join(victim, "file"), secret, { mode: 0o600 });
  const { mdocker, start } = made.host;
  const fill = `mkdir /in /race /race/real; echo inner > /race/real/file; ln -s ${victim} /race/other; ln -s ${victim} /out`;
  const kept = ["run", "--keep", "--net", "none"];
  await mdocker([
    ...kept,
    "--name",
    "down",
    "/bin/sh",
    "-c",
    `${fill}; dd if=/dev/zero of=/big bs=1M count=200 2>/dev/null`,
  ]);
  const small = ["--tmpfs", "/small:size=1m"];
  up = start([...kept, "--name", "up", ...small, "/bin/sh", "-c", `${fill}; echo ready; exec sleep 1000`], {
    deadline: 300_000,
  });
  await up.says(/ready/);
});

afterAll(async () => {
  await made.host.mdocker(["rm", "-f", "up", "down"]);
  await up.ended;
  await expectNothingLeft(made.host.fresh);
  await made.close();
});

beforeEach(expectUntouched);

describe("a hostile tar stream", () => {
  test.each(["../x", "../../x", "a/../../x", "..", "a/../.."])(
    "with the name %s is refused",
    async (name) => {
      const { code, stderr } = await put([{ name, kind: "file" }]);
      expect([code, stderr]).toEqual([1, `mdocker: name ${name} leads out of the archive's place\n`]);
    },
  );

  test("with absolute names stays in its place", async () => {
    expect(await put([{ name: `${victim}/x`, kind: "file" }])).toEqual({ code: 0, stderr: "" });
    expect(await inside(`/in${victim}/x`)).toBe("hostile");
    expect(await put([{ name: "/", kind: "directory", mode: 0 }])).toEqual({ code: 0, stderr: "" });
  });

  test("with a file through a link that it made stays in the container", async () => {
    const link = await put([
      { name: "link", kind: "symlink", target: victim },
      { name: "link/sub/x", kind: "file" },
    ]);
    // The link leads to that path inside the container, where nothing is.
    expect(link.code).not.toBe(0);
    const up = "../".repeat(20);
    const etc = await put([
      { name: "etc", kind: "symlink", target: `${up}etc` },
      { name: "etc/planted", kind: "file" },
      { name: "root", kind: "symlink", target: `${up}proc/1/root` },
      { name: "etc/second", kind: "file" },
    ]);
    expect(etc).toEqual({ code: 0, stderr: "" });
    expect(await inside("/etc/planted")).toBe("hostile");
    expect(existsSync("/etc/planted")).toBe(false);
    expect((await put([{ name: "root/planted", kind: "file" }])).code).not.toBe(0);
    expect(existsSync("/planted")).toBe(false);
    expect((await put([{ name: "file", kind: "file" }], "up:/out")).code).not.toBe(0);
  });

  test("with a hard link to outside is refused, one through a link stays inside", async () => {
    for (const target of ["../../etc/passwd", `../..${victim}/file`, ".."]) {
      const { code, stderr } = await put([{ name: "hard", kind: "link", target }]);
      expect([code, stderr]).toEqual([
        1,
        `mdocker: link target ${target} leads out of the archive's place\n`,
      ]);
    }
    const through = await put([
      { name: "dir", kind: "symlink", target: victim },
      { name: "hard", kind: "link", target: "dir/file" },
    ]);
    expect(through.code).not.toBe(0);
    const absolute = await put([{ name: "hard", kind: "link", target: `${victim}/file` }]);
    expect(absolute.code).not.toBe(0);
    expect(await inside("/in/hard")).toBeUndefined();
  });

  test("does not write to what a link in its way leads to, nor change its rights", async () => {
    const wrote = await put([
      { name: "target", kind: "file", text: "target", mode: 0o600 },
      { name: "way", kind: "symlink", target: "target" },
      { name: "way", kind: "file", text: "new", mode: 0o777 },
    ]);
    expect(wrote.code).toBe(0);
    expect(await inside("/in/target")).toBe("target");
    expect(await inside("/in/way")).toBe("new");
  });

  test("cannot hide what lies below the container's root, nor make what is no device", async () => {
    const whiteout = await put([{ name: "etc", kind: "character", major: 0, minor: 0 }], "up:/");
    expect(whiteout.code).not.toBe(0);
    expect(await inside("/etc/passwd")).toMatch(/root/);
    const opaque = new Map([
      ["trusted.overlay.opaque", Buffer.from("y")],
      ["trusted.overlay.redirect", Buffer.from("/x")],
    ]);
    expect(
      (await put([{ name: "usr", kind: "directory", mode: 0o755, attributes: opaque }], "up:/")).code,
    ).toBe(0);
    expect((await made.host.mdocker(["diff", "up"])).stdout).not.toMatch(/^D /m);
    expect((await put([{ name: "node", kind: "block", major: 9999, minor: 2 ** 21 - 1 }])).code).toBe(1);
  });

  test("with a device makes one that the container may not open", async () => {
    expect((await put([{ name: "disk", kind: "block", major: 8, minor: 0, mode: 0o666 }])).code).toBe(0);
    const path = `/proc/${record().init?.pid}/root/in/disk`;
    expect(statSync(path).isBlockDevice()).toBe(true);
    const limits = readFileSync(`/proc/${record().init?.pid}/cgroup`, "utf8");
    expect(limits).toContain(record().id);
  });

  test("with headers without end, or names without end, is refused without being held in memory", async () => {
    const deep = `${"d/".repeat(5000)}x`;
    const { code, stderr } = await put([{ name: deep, kind: "file" }]);
    expect(code).not.toBe(0);
    expect(stderr.length).toBeLessThan(500);
    const long = await put([{ name: "n".repeat(300), kind: "file" }]);
    expect(long.code).not.toBe(0);
    expect(long.stderr).toMatch(/ENAMETOOLONG/);
    const huge = await tarOf([
      { name: "x", kind: "file", attributes: new Map([["user.x", Buffer.alloc(2 ** 21)]]) },
    ]);
    const { stderr: refusal } = await made.host.mdocker(["cp", "-", "up:/in"], { input: huge });
    expect(refusal).toMatch(/^mdocker: tar stream: a header of \d+ bytes: at most 1048576 are taken\n$/);
  });
});

describe("a hostile container", () => {
  test("cannot lead a copy out by swapping a directory and a link, however often", async () => {
    const { mdocker, hostRun, place } = made.host;
    const { init } = record();
    const exchange = process.arch === "arm64" ? 276 : 316;
    // renameat2(2), RENAME_EXCHANGE: as fast as the kernel does it.
    const swap = `chdir "/proc/${init?.pid}/root/race" or die; $| = 1; my ($one, $other) = ("real", "other");
      print "swapping\n"; while (1) { syscall(${exchange}, -100, $one, -100, $other, 2) }`;
    const swapper = startCommand(["perl", "-e", swap], { deadline: 200_000 });
    await swapper.says(/swapping/);
    try {
      const outcomes = { to: [0, 0], from: [0, 0] };
      const count = (list: number[], worked: boolean) => {
        list[worked ? 0 : 1] = (list[worked ? 0 : 1] ?? 0) + 1;
      };
      const planted = await tarOf([
        { name: "sub", kind: "directory", mode: 0o777 },
        { name: "sub/planted", kind: "file" },
        { name: "file", kind: "file", text: "planted", mode: 0o777 },
      ]);
      for (let round = 0; round < 250; round += 1) {
        const options = { noOverwriteDirNonDir: round % 2 === 0, copyUIDGID: false };
        const wrote = putArchive(place, record(), "/race/real", each([planted]), options);
        count(
          outcomes.to,
          await wrote.then(
            () => true,
            () => false,
          ),
        );
        try {
          const { stream } = getArchive(
            place,
            record(),
            round % 2 === 0 ? "/race/real/." : "/race/real/file",
          );
          const chunks: Uint8Array[] = [];
          for await (const chunk of stream) chunks.push(chunk as Uint8Array);
          expect(Buffer.concat(chunks).includes(secret)).toBe(false);
          count(outcomes.from, true);
        } catch (error) {
          expect(String(error)).toMatch(/Could not find|not a directory|cannot be reached/);
          count(outcomes.from, false);
        }
      }
      // Both happened, or it was no race.
      expect(Math.min(...outcomes.to, ...outcomes.from), JSON.stringify(outcomes)).toBeGreaterThan(5);
      const to = folder();
      const source = join(to, "file");
      writeFileSync(source, "planted");
      mkdirSync(join(to, "sub"));
      for (let round = 0; round < 15; round += 1) {
        await mdocker(["cp", source, "up:/race/real/file"]);
        await mdocker(["cp", `${to}/sub`, "up:/race/real"]);
        await mdocker(["cp", "up:/race/.", join(to, `copy${round}`)]);
        await mdocker(["cp", "up:/race/real/file", join(to, `file${round}`)]);
      }
      expect(await hostRun(["sh", "-c", `grep -rl "${secret}" ${to} || echo none`])).toBe("none\n");
      expectUntouched();
    } finally {
      swapper.child.kill("SIGKILL");
      await swapper.ended;
    }
  });

  test("cannot lead what is copied out of it beyond the directory it is copied to", async () => {
    const { mdocker } = made.host;
    const to = folder();
    symlinkSync(victim, join(to, "race"));
    const { code, stderr } = await mdocker(["cp", "down:/race", to]);
    // The link is the destination's own: docker does not go through it either.
    expect([code, stderr]).toEqual([1, "mdocker: cannot overwrite non-directory race with directory\n"]);
    mkdirSync(join(to, "in/race"), { recursive: true });
    symlinkSync(victim, join(to, "in/race/real"));
    expect((await mdocker(["cp", "down:/race", join(to, "in")])).code).toBe(1);
    writeFileSync(join(to, "target"), "mine");
    mkdirSync(join(to, "file"));
    symlinkSync(join(victim, "file"), join(to, "file/file"));
    expect(await mdocker(["cp", "down:/race/real/file", join(to, "file")])).toMatchObject({ code: 0 });
    expect(readFileSync(join(to, "file/file"), "utf8")).toBe("inner\n");
    expectUntouched();
    expect(await mdocker(["cp", "down:/race/.", join(to, "all")])).toMatchObject({ code: 0 });
    expect(readlinkSync(join(to, "all/other"))).toBe(victim);
    expectUntouched();
  });

  test("with directories deeper than any path is refused, and can be removed", async () => {
    const { mdocker, start } = made.host;
    const running = start([
      "run",
      "--name",
      "deep",
      "--net",
      "none",
      "/bin/sh",
      "-c",
      "echo up; exec sleep 1000",
    ]);
    await running.says(/up/);
    const dig = `chdir "/proc/${record("deep").init?.pid}/root/tmp"; for (1 .. 3000) { mkdir "d"; chdir "d" or die }`;
    await startCommand(["perl", "-e", dig]).ended;
    const to = folder();
    for (const args of [
      ["diff", "deep"],
      ["cp", "deep:/tmp/.", to],
      ["export", "-o", join(to, "x"), "deep"],
    ]) {
      const { code, stderr } = await mdocker(args);
      expect(stderr).toMatch(/^mdocker: .*directories lie more than 2048 deep/);
      expect(stderr.length).toBeLessThan(500);
      expect(code).toBe(2);
    }
    await made.host.hostRun(["rm", "-rf", to]);
    await mdocker(["kill", "deep"]);
    await running.ended;
  });

  test("cannot be read beyond its root by -L, by its links, or by /proc", async () => {
    const { mdocker } = made.host;
    const to = folder();
    for (const path of ["up:/out/file", "up:/proc/1/root/etc/passwd", "up:/proc/self/cwd/x"]) {
      for (const flags of [[], ["-L"]]) {
        const { code } = await mdocker(["cp", ...flags, path, to]);
        expect([path, code]).toEqual([path, 1]);
      }
    }
    expect((await mdocker(["cp", "-L", "up:/out", to])).code).toBe(1);
    expect(readdirSync(to)).toEqual([]);
  });
});

describe("cp in bad conditions", () => {
  test("says where a disk is full, and leaves no part of a file", async () => {
    const { mdocker, hostRun } = made.host;
    const from = folder();
    writeFileSync(join(from, "big"), Buffer.alloc(3 * 1024 * 1024, 1));
    writeFileSync(join(from, "a"), "small");
    const into = await mdocker(["cp", `${from}/.`, "up:/small"]);
    expect([into.code, into.stderr]).toEqual([2, "mdocker: ./big: no space left on the device\n"]);
    const list = `/proc/${record().init?.pid}/root/small`;
    expect(readdirSync(list)).toEqual(["a"]);
    const small = join(from, "mount");
    mkdirSync(small);
    await hostRun(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small]);
    const out = await mdocker(["cp", "down:/big", small]);
    expect([out.code, out.stderr]).toEqual([2, "mdocker: big: no space left on the device\n"]);
    expect(await hostRun(["ls", "-A", small])).toBe("");
    await hostRun(["umount", small]);
  });

  test("killed in the middle, leaves no mount, no process and a container that is as usable as before", async () => {
    const { start, mdocker, place, hostRun } = made.host;
    const before = await takeSnapshot(place);
    const to = folder();
    const reading = async (path: string, running: Running) => {
      // As soon as the file has begun to grow.
      await hostRun(["sh", "-c", `until [ -s ${path} ]; do :; done`]);
      running.child.kill("SIGKILL");
      await running.ended;
    };
    await reading(join(to, "big"), start(["cp", "down:/big", to]));
    expect(statSync(join(to, "big")).size).toBeLessThan(200 * 1024 * 1024);
    const writing = start(["cp", "-", "down:/in"]);
    const tar = await tarOf([{ name: "half", kind: "file", text: "x".repeat(3_000_000) }]);
    writing.child.stdin.write(tar.subarray(0, 2_000_000));
    const upper = join(place.root, "containers", record("down").id, "upper/in/half");
    await reading(upper, writing);
    const { left } = await settled(before, 5000, ({ line }) => line === upper);
    expect(left).toEqual([]);
    expect(await mdocker(["cp", `${to}/big`, "down:/in/half"])).toMatchObject({ code: 0, stderr: "" });
    expect((await mdocker(["diff", "down"])).stdout).toMatch(/^A \/in\/half$/m);
  });

  test("broken off by its reader, or left alone, holds nothing open", async () => {
    const { place } = made.host;
    const open = () => readdirSync("/proc/self/fd").length;
    const before = open();
    for (const name of ["up", "up", "up"]) {
      const whole = getArchive(place, record(name), "/").stream;
      for await (const chunk of whole) if ((chunk as Uint8Array).length > 0) break;
      getArchive(place, record(name), "/etc").stream.destroy();
      const all = exportContainer(place, record(name));
      for await (const chunk of all) if ((chunk as Uint8Array).length > 0) break;
      exportContainer(place, record(name)).destroy();
      await expect(
        putArchive(place, record(name), "/nope", each([]), { noOverwriteDirNonDir: true, copyUIDGID: false }),
      ).rejects.toThrow(/Could not find/);
      const cut = (await tarOf([{ name: "cut", kind: "file" }])).subarray(0, 515);
      await expect(
        putArchive(place, record(name), "/in", each([cut]), {
          noOverwriteDirNonDir: true,
          copyUIDGID: false,
        }),
      ).rejects.toThrow(/ends in the middle/);
    }
    // What was destroyed is closed within a few turns.
    for (let turn = 0; turn < 100 && open() > before; turn += 1)
      await new Promise((resolve) => setImmediate(resolve));
    expect(open()).toBe(before);
    expect(await inside("/in/cut")).toBeUndefined();
  });

  test("goes on, or fails in one line, when the container ends meanwhile", async () => {
    const { start, mdocker } = made.host;
    const data = folder();
    chmodSync(data, 0o777);
    const running = start([
      "run",
      "--name",
      "brief",
      "--net",
      "none",
      "-v",
      `${data}:/data`,
      "/bin/sh",
      "-c",
      "echo up; exec sleep 1000",
    ]);
    await running.says(/up/);
    const copying = start(["cp", "-", "brief:/data"]);
    const tar = await tarOf([
      { name: "one", kind: "file" },
      { name: "two", kind: "file", text: "y".repeat(2_000_000) },
    ]);
    copying.child.stdin.write(tar.subarray(0, 1_000_000));
    await made.host.hostRun(["sh", "-c", `until [ -s ${data}/two ]; do :; done`]);
    await mdocker(["kill", "brief"]);
    await running.ended;
    copying.child.stdin.end(tar.subarray(1_000_000));
    const { code, stderr } = await copying.ended;
    expect([code, stderr]).toEqual([0, ""]);
    // It wrote to the volume all the time, though nobody has it mounted any more.
    expect(readFileSync(join(data, "two"), "utf8")).toBe("y".repeat(2_000_000));
  });
});
