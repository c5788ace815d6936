import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Running } from "../../harness/command.ts";
import { makeTestHost, type TestHost } from "../../harness/host.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { expectNothingLeft, takeSnapshot } from "../../harness/snapshot.ts";

const fill = `
mkdir -p /d/sub /empty; echo file > /f; echo x > /d/x; ln /d/x /d/y; ln -s x /d/l; ln -s /d /dl; ln -s /nowhere /dangling
ln -s /f /fl; chmod 4755 /d/x; chmod 1777 /empty; mkfifo /d/p; echo sub > /d/sub/s; touch -d '2001-02-03 04:05:06' /f
mkdir -p /into/f; echo old > /file; chown -R 1000:1000 /d/sub; echo volume > /vol/v; echo bound > /bound/b`;

/** One runs, one has ended; both were filled alike. */
const names = ["up", "down"] as const;
let made: { host: TestHost; close: () => Promise<void> };
let up: Running;
const bound = { up: "", down: "" };

beforeAll(async () => {
  made = await makeTestHost({ image: await sharedLabImage() });
  const { start, mdocker } = made.host;
  const options = (name: (typeof names)[number]) => {
    bound[name] = folder();
    const mounts = ["-v", `${name}:/vol`, "-v", `${bound[name]}:/bound`];
    return ["run", "--keep", "--name", name, "--net", "none", ...mounts];
  };
  const ended = await mdocker([...options("down"), "/bin/sh", "-c", fill]);
  expect(ended).toMatchObject({ code: 0, stderr: "" });
  const script = `${fill}; echo scratch > /scratch/s; echo ready; exec sleep 1000`;
  up = start([...options("up"), "--tmpfs", "/scratch", "/bin/sh", "-c", script], { deadline: 300_000 });
  await up.says(/ready/);
});

afterAll(async () => {
  await made.host.mdocker(["rm", "-f", ...names]);
  await up.ended;
  await endSupervisor();
  await expectNothingLeft(made.host.fresh);
  await made.close();
});

/** The one that `start` has started. */
async function endSupervisor(): Promise<void> {
  const { lines } = await takeSnapshot(made.host.place);
  for (const line of lines.processes.filter((text) => / supervisor\b/.test(text)))
    process.kill(Number.parseInt(line, 10), "SIGTERM");
}

function folder(): string {
  return mkdtempSync(join(made.host.place.root, "test-"));
}

/** `mdocker cp ARGS`, which has to work and to say nothing. */
async function cp(...args: readonly string[]): Promise<void> {
  expect(await made.host.mdocker(["cp", ...args])).toEqual({ code: 0, stdout: "", stderr: "" });
}

async function refused(message: RegExp, ...args: readonly string[]): Promise<void> {
  const { code, stderr } = await made.host.mdocker(["cp", ...args]);
  expect(stderr).toMatch(message);
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  expect(code).toBe(1);
}

/** What a path of the container holds, by way of a tar stream that GNU tar unpacks. */
async function inside(container: string, path: string): Promise<string> {
  return made.host.hostRun(["sh", "-c", '"$MDOCKER" cp "$1" - | tar xO', "sh", `${container}:${path}`]);
}

async function listing(container: string, path: string): Promise<string[]> {
  const script =
    '"$MDOCKER" cp "$1" - | tar tv --numeric-owner | sed -E "s/ +/ /g; s/ [0-9]{4}-[0-9-]+ [0-9:]+//"';
  const text = await made.host.hostRun(["sh", "-c", script, "sh", `${container}:${path}`]);
  return text.trimEnd().split("\n");
}

describe.each(names)("cp from a container that is %s", (name) => {
  test("takes a file under its name, another name, or in the place of a file", async () => {
    const to = folder();
    await cp(`${name}:/f`, to);
    await cp(`${name}:/f`, join(to, "g"));
    writeFileSync(join(to, "h"), "a longer text than that");
    await cp(`${name}:f`, join(to, "h"));
    for (const file of ["f", "g", "h"]) expect(readFileSync(join(to, file), "utf8")).toBe("file\n");
    expect(statSync(join(to, "f")).mtime.getFullYear()).toBe(2001);
  });

  test("takes a directory with all that is in it", async () => {
    const to = folder();
    await cp(`${name}:/d`, to);
    expect(readdirSync(join(to, "d")).sort()).toEqual(["l", "p", "sub", "x", "y"]);
    expect(readFileSync(join(to, "d/sub/s"), "utf8")).toBe("sub\n");
    expect(readlinkSync(join(to, "d/l"))).toBe("x");
    expect(lstatSync(join(to, "d/p")).isFIFO()).toBe(true);
    expect(lstatSync(join(to, "d/x")).ino).toBe(lstatSync(join(to, "d/y")).ino);
  });

  test("takes the content of a directory, or the directory under another name", async () => {
    const to = folder();
    await cp(`${name}:/d/.`, to);
    expect(readdirSync(to).sort()).toEqual(["l", "p", "sub", "x", "y"]);
    await cp(`${name}:/d/sub`, join(to, "other"));
    await cp(`${name}:/d/sub/.`, join(to, "another"));
    expect(readdirSync(join(to, "other"))).toEqual(["s"]);
    expect(readdirSync(join(to, "another"))).toEqual(["s"]);
  });

  test("what it makes is ours and lends no rights, unless asked to keep them", async () => {
    const to = folder();
    await cp(`${name}:/d`, join(to, "ours"));
    await cp("-a", `${name}:/d`, join(to, "theirs"));
    expect(statSync(join(to, "ours/x")).mode & 0o7777).toBe(0o755);
    expect(statSync(join(to, "ours/sub/s")).uid).toBe(0);
    expect(statSync(join(to, "theirs/x")).mode & 0o7777).toBe(0o4755);
    expect(statSync(join(to, "theirs/sub/s"))).toMatchObject({ uid: 1000, gid: 1000 });
  });

  test("leaves devices out and says so, unless -a", async () => {
    const to = folder();
    if (name === "down") return;
    const { code, stderr } = await made.host.mdocker(["cp", "up:/dev/null", to]);
    expect([code, stderr]).toEqual([0, "mdocker: null: a device, left out\n"]);
    expect(readdirSync(to)).toEqual([]);
    await cp("-a", "up:/dev/null", to);
    expect(lstatSync(join(to, "null")).rdev).toBe(lstatSync("/dev/null").rdev);
  });

  test("copies a link as a link, and with -L what it leads to", async () => {
    const to = folder();
    await cp(`${name}:/fl`, to);
    expect(readlinkSync(join(to, "fl"))).toBe("/f");
    await cp("-L", `${name}:/fl`, join(to, "followed"));
    expect(readFileSync(join(to, "followed"), "utf8")).toBe("file\n");
    await cp("-L", `${name}:/dl`, to);
    expect(readFileSync(join(to, "dl/sub/s"), "utf8")).toBe("sub\n");
    await cp(`${name}:/dl/.`, join(to, "content"));
    expect(readFileSync(join(to, "content/sub/s"), "utf8")).toBe("sub\n");
  });

  test("sees volumes and bind mounts", async () => {
    expect(await inside(name, "/vol/v")).toBe("volume\n");
    expect(await inside(name, "/bound/b")).toBe("bound\n");
    expect(await listing(name, "/vol/.")).toEqual(["drwxr-xr-x 0/0 0 ./", "-rw-r--r-- 0/0 7 ./v"]);
  });

  test("writes a tar stream whose names begin with the last part of the path", async () => {
    expect(await listing(name, "/d")).toEqual([
      "drwxr-xr-x 0/0 0 d/",
      "lrwxrwxrwx 0/0 0 d/l -> x",
      "prw-r--r-- 0/0 0 d/p",
      "drwxr-xr-x 1000/1000 0 d/sub/",
      "-rw-r--r-- 1000/1000 4 d/sub/s",
      "-rwsr-xr-x 0/0 2 d/x",
      "hrwsr-xr-x 0/0 0 d/y link to d/x",
    ]);
    expect((await listing(name, "/d/sub/"))[0]).toBe("drwxr-xr-x 1000/1000 0 sub/");
  });

  test("refuses in docker's words", async () => {
    const to = folder();
    writeFileSync(join(to, "file"), "");
    await refused(/Could not find the file \/nope in container/, `${name}:/nope`, to);
    await refused(/\/f\/ in container .*: not a directory/, `${name}:/f/`, to);
    await refused(/cannot copy directory/, `${name}:/d`, join(to, "file"));
    await refused(/no such directory/, `${name}:/f`, join(to, "new/"));
    await refused(/no such directory/, `${name}:/f`, join(to, "no/new"));
    await refused(/not a directory/, `${name}:/f`, join(to, "file/x"));
    await refused(/expected a directory or a regular file/, `${name}:/f`, "/dev/null");
    expect(readdirSync(to)).toEqual(["file"]);
  });

  test("does not put a directory in the place of a file, nor a file in that of a directory", async () => {
    const to = folder();
    mkdirSync(join(to, "x"));
    await refused(/cannot overwrite directory .*x with non-directory/, `${name}:/d/.`, to);
    const other = folder();
    writeFileSync(join(other, "d"), "");
    await refused(/cannot overwrite non-directory d with directory/, `${name}:/d`, other);
  });
});

describe.each(names)("cp to a container that is %s", (name) => {
  test("puts a file into a directory, under a new name, or in the place of a file", async () => {
    const from = folder();
    writeFileSync(join(from, "one"), "1\n");
    chownSync(join(from, "one"), 1234, 4321);
    chmodSync(join(from, "one"), 0o2750);
    utimesSync(join(from, "one"), 1000, 2000);
    await cp(join(from, "one"), `${name}:/empty`);
    await cp(join(from, "one"), `${name}:/empty/two`);
    await cp(join(from, "one"), `${name}:/file`);
    expect(await listing(name, "/empty/.")).toEqual([
      "drwxrwxrwt 0/0 0 ./",
      "-rwxr-s--- 1234/4321 2 ./one",
      "-rwxr-s--- 1234/4321 2 ./two",
    ]);
    expect(await inside(name, "/file")).toBe("1\n");
    const back = folder();
    await cp(`${name}:/empty/one`, back);
    expect(statSync(join(back, "one")).mtimeMs).toBe(2_000_000);
  });

  test("puts a directory, its content, or either under a new name", async () => {
    const from = folder();
    mkdirSync(join(from, "dir/deep"), { recursive: true });
    writeFileSync(join(from, "dir/deep/file"), "deep\n");
    symlinkSync("deep", join(from, "dir/link"));
    await cp(join(from, "dir"), `${name}:/into`);
    expect(await inside(name, "/into/dir/deep/file")).toBe("deep\n");
    await cp(`${join(from, "dir")}/.`, `${name}:/into`);
    expect(await inside(name, "/into/deep/file")).toBe("deep\n");
    expect(await listing(name, "/into/link")).toEqual(["lrwxrwxrwx 0/0 0 link -> deep"]);
    await cp(join(from, "dir"), `${name}:/named`);
    expect(await inside(name, "/named/deep/file")).toBe("deep\n");
    await cp("-L", join(from, "dir/link"), `${name}:/empty`);
    expect(await inside(name, "/empty/link/file")).toBe("deep\n");
  });

  test("writes to volumes and bind mounts, where the host has them", async () => {
    const from = folder();
    writeFileSync(join(from, "w"), "w\n");
    await cp(join(from, "w"), `${name}:/vol/`);
    await cp(join(from, "w"), `${name}:/bound/sub`);
    expect(readFileSync(join(made.host.place.root, "volumes", name, "_data/w"), "utf8")).toBe("w\n");
    expect(readFileSync(join(bound[name], "sub"), "utf8")).toBe("w\n");
  });

  test("follows a link that is the destination, also to where nothing is yet", async () => {
    const from = folder();
    writeFileSync(join(from, "w"), "linked\n");
    await cp(join(from, "w"), `${name}:/dl`);
    expect(await inside(name, "/d/w")).toBe("linked\n");
    await cp(join(from, "w"), `${name}:/fl`);
    expect(await inside(name, "/f")).toBe("linked\n");
    expect(await listing(name, "/fl")).toEqual(["lrwxrwxrwx 0/0 0 fl -> /f"]);
  });

  test("puts what a tar stream says, plain or gzip", async () => {
    const from = folder();
    mkdirSync(join(from, "t"));
    writeFileSync(join(from, "t/file"), "from tar\n");
    for (const flags of ["c", "cz"]) {
      const script = `tar ${flags} -C ${from} t | "$MDOCKER" cp - ${name}:/into`;
      expect(await made.host.hostRun(["sh", "-c", script])).toBe("");
      expect(await inside(name, "/into/t/file")).toBe("from tar\n");
    }
    await refused(/destination .*:\/f must be a directory/, "-", `${name}:/f`);
    await refused(/destination .*:\/nope must be a directory/, "-", `${name}:/nope`);
  });

  test("refuses in docker's words", async () => {
    const from = folder();
    writeFileSync(join(from, "f"), "");
    const source = join(from, "f");
    await refused(/no such file or directory/, join(from, "nope"), `${name}:/`);
    await refused(/Could not find the file \/no in container/, source, `${name}:/no/way`);
    await refused(/no such directory/, source, `${name}:/new/`);
    await refused(/cannot copy directory/, from, `${name}:/fl`);
    await refused(/cannot overwrite directory f with non-directory/, source, `${name}:/into`);
    await refused(/must be a directory or a regular file/, source, `${name}:/d/p`);
  });
});

describe("cp", () => {
  test("sees tmpfs and what is mounted in a running container", async () => {
    expect(await inside("up", "/scratch/s")).toBe("scratch\n");
    const from = folder();
    writeFileSync(join(from, "w"), "w\n");
    await cp(join(from, "w"), "up:/scratch");
    expect(await inside("up", "/scratch/w")).toBe("w\n");
    expect(await inside("up", "/etc/hosts")).toMatch(/localhost/);
    await refused(/cannot replace hosts: something is mounted on it/, join(from, "w"), "up:/etc/hosts");
    expect(await inside("up", "/etc/hosts")).toMatch(/localhost/);
    await refused(
      /nothing is copied into the kernel's filesystems/,
      join(from, "w"),
      "up:/proc/sys/kernel/hostname",
    );
    await refused(/nothing is copied into the kernel's filesystems/, join(from, "w"), "up:/sys/w");
  });

  test("of a whole running container leaves out what the kernel shows there, and takes what is mounted", async () => {
    const to = folder();
    await cp("up:/", to);
    for (const name of ["proc", "sys", "dev"])
      expect([name, readdirSync(join(to, name))]).toEqual([name, []]);
    for (const [file, text] of [
      ["scratch/s", "scratch"],
      ["vol/v", "volume"],
      ["bound/b", "bound"],
    ])
      expect(readFileSync(join(to, String(file)), "utf8")).toBe(`${text}\n`);
    expect(existsSync(join(to, "etc/passwd"))).toBe(true);
    expect(await listing("up", "/dev/null")).toEqual(["crw-rw-rw- 0/0 1,3 null"]);
  });

  test("refuses what makes no sense", async () => {
    await refused(/copying between containers is not supported/, "up:/f", "down:/f");
    await refused(/must specify at least one container source/, "/f", "./a:b");
    await refused(/source can not be empty/, "up:", "/tmp");
    await refused(/destination can not be empty/, "/tmp", "up:");
    await refused(/no such container: nobody/, "nobody:/f", "/tmp");
  });

  test("respects read-only roots and volumes, running or not", async () => {
    const { start, mdocker } = made.host;
    const data = folder();
    writeFileSync(join(data, "f"), "f\n");
    const mounts = ["-v", `${data}:/ro:ro`, "--read-only", "-v", `${folder()}:/rw`];
    const running = start([
      "run",
      "--keep",
      "--name",
      "sealed",
      "--net",
      "none",
      ...mounts,
      "/bin/sh",
      "-c",
      "echo up; exec sleep 1000",
    ]);
    await running.says(/up/);
    const tries = async () => {
      await refused(/container rootfs is marked read-only/, join(data, "f"), "sealed:/root");
      await refused(/mounted volume is marked read-only/, join(data, "f"), "sealed:/ro/new");
      await cp(join(data, "f"), "sealed:/rw");
      expect(await inside("sealed", "/ro/f")).toBe("f\n");
    };
    await tries();
    await mdocker(["kill", "sealed"]);
    await running.ended;
    await tries();
    await mdocker(["rm", "sealed"]);
    expect(readdirSync(data)).toEqual(["f"]);
  });

  test("-a gives all of it to the container's user", async () => {
    const { mdocker } = made.host;
    await mdocker(["run", "--keep", "--name", "user", "-u", "1000:100", "--net", "none", "/bin/true"]);
    const from = folder();
    writeFileSync(join(from, "f"), "");
    await cp("-a", join(from, "f"), "user:/tmp/mine");
    await cp(join(from, "f"), "user:/tmp/roots");
    expect(await listing("user", "/tmp/mine")).toEqual(["-rw-r--r-- 1000/100 0 mine"]);
    expect(await listing("user", "/tmp/roots")).toEqual(["-rw-r--r-- 0/0 0 roots"]);
    await mdocker(["rm", "user"]);
  });

  test("keeps names that are no text, and capabilities of files", async () => {
    const { mdocker } = made.host;
    const script = `touch "$(printf '/tmp/\\377')" /tmp/cap; chmod 755 /tmp/cap; echo ok`;
    const { stdout } = await mdocker([
      "run",
      "--keep",
      "--name",
      "odd",
      "--net",
      "none",
      "/bin/sh",
      "-c",
      script,
    ]);
    expect(stdout).toBe("ok\n");
    const to = folder();
    await cp("odd:/tmp/.", to);
    expect(readdirSync(to, "latin1").sort()).toEqual(["cap", "\xff"]);
    await made.host.hostRun(["setcap", "cap_net_raw=ep", join(to, "cap")]);
    await cp(`${to}/.`, "odd:/tmp");
    const back = folder();
    await cp("-a", "odd:/tmp/.", back);
    await cp("odd:/tmp/.", join(back, "plain"));
    expect(await made.host.hostRun(["getcap", join(back, "cap"), join(back, "plain/cap")])).toBe(
      `${join(back, "cap")} cap_net_raw=ep\n`,
    );
    await mdocker(["rm", "odd"]);
  });

  test("works on a container that was never started, and what it brings is there when it is", async () => {
    const { mdocker } = made.host;
    const create = ["create", "--name", "new", "--net", "none", "-v", "fresh:/deep/vol", "--restart", "no"];
    expect((await mdocker([...create, "/bin/sh", "-c", "cat /deep/vol/f /f"])).code).toBe(0);
    const from = folder();
    writeFileSync(join(from, "f"), "brought\n");
    await cp(join(from, "f"), "new:/deep/vol");
    await cp(join(from, "f"), "new:/");
    expect(await inside("new", "/deep/vol/f")).toBe("brought\n");
    expect(readFileSync(join(made.host.place.root, "volumes/fresh/_data/f"), "utf8")).toBe("brought\n");
    const { stdout } = await mdocker(["start", "-a", "new"]);
    expect(stdout).toBe("brought\nbrought\n");
    await mdocker(["rm", "new"]);
  });

  test("says so when the container is started meanwhile", async () => {
    const { mdocker, start, place } = made.host;
    await mdocker(["create", "--name", "late", "--net", "none", "/bin/sleep", "1000"]);
    const from = folder();
    writeFileSync(join(from, "f"), Buffer.alloc(1_000_000, 1));
    const tar = execFileSync("tar", ["c", "-C", from, "f"]);
    const copying = start(["cp", "-", "late:/root"]);
    copying.child.stdin.write(tar.subarray(0, 600_000));
    const { stdout } = await mdocker(["ps", "-aq", "--no-trunc", "-f", "name=late"]);
    const upper = join(place.root, "containers", stdout.trim(), "upper/root/f");
    await made.host.hostRun(["sh", "-c", `until [ -s ${upper} ]; do :; done`]);
    expect((await mdocker(["start", "late"])).code).toBe(0);
    copying.child.stdin.end(tar.subarray(600_000));
    const { code, stderr } = await copying.ended;
    expect([code, stderr]).toEqual([1, expect.stringMatching(/container late was started meanwhile/)]);
    await mdocker(["rm", "-f", "late"]);
  });

  test("many at once into one container that has ended all arrive", async () => {
    const from = folder();
    const numbers = Array.from({ length: 12 }, (_, i) => `n${i}`);
    for (const name of numbers) writeFileSync(join(from, name), name);
    await Promise.all(numbers.map((name) => cp(join(from, name), "down:/etc")));
    const found = await listing("down", "/etc/.");
    for (const name of numbers) expect(found.some((line) => line.endsWith(`/${name}`))).toBe(true);
    expect(readdirSync(join(made.host.place.root, "containers"), { recursive: true })).not.toContain(
      "volatile",
    );
  });

  test("leaves no mount, process or file, and no change in a container that it only read", async () => {
    const { mdocker, place } = made.host;
    const before = await takeSnapshot(place);
    const changed = (await mdocker(["diff", "down"])).stdout;
    for (const name of names) await inside(name, "/etc");
    await expectNothingLeft(before);
    expect((await mdocker(["diff", "down"])).stdout).toBe(changed);
    expect(existsSync(join(place.root, "volumes/down/_data/v"))).toBe(true);
  });
});
