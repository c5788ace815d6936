import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { withTestHost } from "../../harness/host.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";

let image: string;
let folder: string;
beforeAll(async () => {
  image = await sharedLabImage();
  folder = mkdtempSync("/var/tmp/mdocker-mounts-");
});
afterAll(() => rmSync(folder, { recursive: true }));

const fresh = (name: string): string => {
  const path = join(folder, name);
  mkdirSync(path);
  return path;
};

test("a volume on /dev cannot choose what masks are made of", async () => {
  await withTestHost(
    async ({ mdocker }) => {
      const dev = fresh("dev");
      symlinkSync("/proc/sys/kernel/core_pattern", join(dev, "null"));
      const script = "cat /proc/keys; stat -c %t:%T /proc/keys; grep -c core_pattern /proc/self/mountinfo";
      const args = ["run", "--net", "none", "-i", "-v", `${dev}:/dev`, "/bin/sh", "-c", script];
      expect(await mdocker(args)).toMatchObject({ stdout: "1:3\n0\n" });
    },
    { image },
  );
});

test("a link to nowhere in place of /etc/resolv.conf is covered, not followed", async () => {
  await withTestHost(async ({ mdocker }) => {
    const [layer = ""] = readdirSync(join(image, "layers"));
    const root = join(folder, "root");
    cpSync(join(image, "layers", layer), root, { recursive: true, verbatimSymlinks: true });
    const link = join(root, "etc/resolv.conf");
    rmSync(link, { force: true });
    symlinkSync("../run/systemd/resolve/stub-resolv.conf", link);
    const script = "cat /etc/resolv.conf; test -e /run/systemd || echo untouched";
    const args = ["run", "--net", "none", "--dns", "192.0.2.53", "--rootfs", root, "/bin/sh", "-c", script];
    expect(await mdocker(args)).toEqual({
      code: 0,
      stdout: "nameserver 192.0.2.53\nuntouched\n",
      stderr: "",
    });
    expect(readlinkSync(link)).toBe("../run/systemd/resolve/stub-resolv.conf");
  });
});

test("a mount does not hide another that was given before it and lies below it", async () => {
  await withTestHost(
    async ({ mdocker }) => {
      const [outer, inner] = [fresh("outer"), fresh("inner")];
      writeFileSync(join(inner, "file"), "inner\n");
      const mounts = [
        ...["-v", `${inner}:/data/x/inner`, "--tmpfs", "/data/x", "-v", `${outer}:/data`],
        ...["-v", `${join(inner, "file")}:/data/file`],
      ];
      const script = "cat /data/x/inner/file /data/file; stat -f -c %T /data/x";
      const args = ["run", "--net", "none", ...mounts, "/bin/sh", "-c", script];
      expect(await mdocker(args)).toEqual({ code: 0, stdout: "inner\ninner\ntmpfs\n", stderr: "" });
    },
    { image },
  );
});

/** Both ways: what the host mounts on the source of a volume, and what a container that may mounts in it. */
test.each([
  ["rprivate", "no", "no"],
  ["rslave", "yes", "no"],
  ["rshared", "yes", "yes"],
])(
  "a volume with propagation %s: host to container %s, container to host %s",
  async (how, inward, outward) => {
    await withTestHost(
      async ({ start, hostRun, mdocker }) => {
        const source = fresh(how);
        for (const name of ["in", "out"]) mkdirSync(join(source, name));
        await hostRun(["mount", "--bind", source, source]);
        await hostRun(["mount", "--make-shared", source]);
        const look = (path: string) => `grep -q " ${path} " /proc/self/mountinfo && echo yes || echo no`;
        const script = `mount -n -t tmpfs none /v/out; echo ready; read line; ${look("/v/in")}`;
        const volume = `${source}:/v:${how}`;
        const flags = ["--privileged", "--net", "none", "--name", how];
        const run = start(["run", ...flags, "-i", "-v", volume, "/bin/sh", "-c", script]);
        await run.says(/ready/);
        const seen = await hostRun(["sh", "-c", look(join(source, "out"))]);
        await hostRun(["mount", "-t", "tmpfs", "none", join(source, "in")]);
        run.child.stdin.end("go\n");
        const { stdout } = await run.ended;
        await hostRun(["umount", "--recursive", "--lazy", source]);
        expect({ seen, stdout }).toEqual({ seen: `${outward}\n`, stdout: `ready\n${inward}\n` });
        expect((await mdocker(["ps", "-aq"])).stdout).toBe("");
      },
      { image },
    );
  },
);

test("cgroups that a privileged container made of its own go with it", async () => {
  await withTestHost(
    async ({ mdocker }) => {
      const script = `set -- /sys/fs/cgroup /sys/fs/cgroup/*/
for d; do mount -n -o remount,bind,rw $d 2>/dev/null && mkdir $d/nested 2>/dev/null && echo made; done`;
      const args = ["run", "--net", "none", "--privileged", "--tmpfs", "/run", "/bin/sh", "-c", script];
      expect((await mdocker(args)).stdout).toContain("made");
    },
    { image },
  );
});
