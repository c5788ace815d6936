import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { sharedHost } from "../../harness/shared-host.ts";

const { host, folder } = sharedHost();

function digest(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}

const script = `
mkdir /made; echo new > /made/new; rm /etc/group; ln /made/new /made/same; ln -s /made /short; chown 7:8 /made/new
echo secret > /vol/v; echo scratch > /scratch/s; echo changed >> /etc/hosts; echo ready; read line`;

describe("export", () => {
  test("writes the whole root, sorted, without what is mounted in it: running and ended alike", async () => {
    const { mdocker, start, hostRun } = host();
    const to = folder();
    const mounts = ["-v", "data:/vol", "--tmpfs", "/scratch"];
    const run = ["run", "--keep", "--name", "one", "--net", "none", "-i", ...mounts, "/bin/sh", "-c", script];
    const running = start(run);
    await running.says(/ready/);
    const up = join(to, "up.tar");
    expect(await mdocker(["export", "-o", up, "one"])).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(statSync(up).mode & 0o777).toBe(0o600);
    await mdocker(["export", "--output", join(to, "again.tar"), "one"]);
    expect(digest(join(to, "again.tar"))).toBe(digest(up));
    running.child.stdin.end("\n");
    await running.ended;
    const down = join(to, "down.tar");
    await hostRun(["sh", "-c", '"$MDOCKER" export one > "$1"', "sh", down]);

    const names = (await hostRun(["tar", "tf", down])).trimEnd().split("\n");
    for (const tar of [up, down]) {
      const list = await hostRun(["tar", "tvf", tar, "--numeric-owner"]);
      expect(list).toMatch(/^-rw-r--r-- 7\/8 +4 .* made\/new$/m);
      expect(list).toMatch(/^h.* made\/same link to made\/new$/m);
      expect(list).toMatch(/^l.* short -> \/made$/m);
      expect(list).toMatch(/^drwxr-xr-x .* vol\/$/m);
      expect(list).not.toMatch(/ etc\/group$| vol\/v$| scratch\/s$| proc\/\d| dev\/null$/m);
      // The file that mdocker mounts there is no part of the root; the place for it is.
      expect(await hostRun(["tar", "xOf", tar, "etc/hosts"])).toBe("");
    }
    // Each directory by itself: what is in one stands together.
    const key = (name: string) => name.replaceAll("/", "\0");
    expect(names).toEqual([...names].sort((a, b) => (key(a) < key(b) ? -1 : 1)));

    // The archive is a root to run from.
    const root = join(to, "root");
    mkdirSync(root);
    await hostRun(["tar", "xpf", down, "-C", root]);
    const again = await mdocker(["run", "--rootfs", root, "--net", "none", "/bin/cat", "/made/same"]);
    expect(again).toMatchObject({ code: 0, stdout: "new\n" });
    await mdocker(["rm", "one"]);
  });

  test("does not write to a terminal, to a directory, or where there is none", async () => {
    const { mdocker, terminal } = host();
    await mdocker(["run", "--keep", "--name", "two", "--net", "none", "/bin/true"]);
    const onTerminal = terminal(["export", "two"]);
    await onTerminal.says(/an archive is not for a terminal/);
    expect((await onTerminal.ended).code).toBe(1);
    const to = folder();
    expect((await mdocker(["export", "-o", to, "two"])).stderr).toMatch(/is a directory/);
    expect((await mdocker(["export", "-o", join(to, "no/x"), "two"])).stderr).toMatch(/no such directory/);
    expect((await mdocker(["export", "-o", "/dev/null", "two"])).code).toBe(0);
    expect((await mdocker(["export", "nothing"])).code).toBe(1);
    expect(readdirSync(to)).toEqual([]);
    await mdocker(["rm", "two"]);
  });

  test("replaces a file when it is complete, and leaves nothing when it is killed or the disk is full", async () => {
    const { mdocker, start, hostRun } = host();
    const fill = "dd if=/dev/urandom of=/big bs=1M count=64 2>/dev/null";
    await mdocker(["run", "--keep", "--name", "three", "--net", "none", "/bin/sh", "-c", fill]);
    const to = folder();
    const file = join(to, "x.tar");
    writeFileSync(file, "old");
    const killed = start(["export", "-o", file, "three"]);
    // As soon as it has the file open it is writing.
    await hostRun(["sh", "-c", `until ls -l /proc/${killed.pid}/fd 2>/dev/null | grep -q ${to}; do :; done`]);
    killed.child.kill("SIGKILL");
    await killed.ended;
    expect(readdirSync(to)).toEqual(["x.tar"]);
    const small = join(to, "small");
    mkdirSync(small);
    await hostRun(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", small]);
    const full = await mdocker(["export", "-o", join(small, "y.tar"), "three"]);
    expect(full.code).toBe(2);
    expect(full.stderr).toMatch(/y\.tar: no space left on the device/);
    expect(await hostRun(["ls", "-A", small])).toBe("");
    await hostRun(["umount", small]);
    expect((await mdocker(["export", "-o", file, "three"])).code).toBe(0);
    expect(statSync(file).size).toBeGreaterThan(64 * 1024 * 1024);
    expect(existsSync(join(to, "x.tar"))).toBe(true);
    await mdocker(["rm", "three"]);
  });
});
