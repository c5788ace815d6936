// @vm lsm=selinux
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { enforcePolicy } from "../../harness/selinux-policy.ts";
import { sharedHost } from "../../harness/shared-host.ts";
import { background } from "../life/background.ts";

/** A kernel that has SELinux makes the directory for its files. */
const isThere = existsSync("/sys/fs/selinux");
// Before the test's host is made, whose mounts are its own.
if (isThere) await enforcePolicy();

// Its /sys is its own, too.
const { host, folder } = sharedHost(isThere ? { script: "mount -t selinuxfs none /sys/fs/selinux\n" } : {});

const run = (flags: readonly string[], script: string) =>
  host().mdocker(["run", "--net", "none", ...flags, "lab", "sh", "-c", script]);
const option = (text: string): string[] => ["--security-opt", `label=${text}`];
const own = "tr -d '\\0' < /proc/self/attr/current";
const levels = (): string[] => {
  const path = join(host().place.state, "levels");
  return existsSync(path) ? readdirSync(path) : [];
};

if (isThere) enforced();
else
  test("labels of SELinux are refused where there is none", async () => {
    expect(await run(option("type:container_t"), "true")).toMatchObject({
      code: 2,
      stderr: "mdocker: --security-opt: label=type:container_t: this host has no SELinux\n",
    });
  });

function enforced(): void {
  describe("where the kernel enforces a policy of SELinux", () => {
    test("processes and files have the policy's labels, with a level that nobody else has", async () => {
      const script = `${own}; echo; stat -c %C /bin/ls /dev /dev/shm /etc/hosts; touch /new && stat -c %C /new`;
      const { code, stdout } = await run([], script);
      const [process = "", ls, dev, shm, hosts, made] = stdout.trim().split("\n");
      expect(code).toBe(0);
      expect(process).toMatch(/^system_u:system_r:container_t:s0:c\d+,c\d+$/);
      const file = process.replace("system_r:container_t", "object_r:container_file_t");
      expect([ls, dev, shm, made]).toEqual([file, file, file, file]);
      expect(hosts).toBe("system_u:object_r:container_file_t:s0");
      expect(levels()).toEqual([]);
      const several = await Promise.all([1, 2, 3, 4].map(() => run([], own)));
      expect(new Set(several.map((result) => result.stdout)).size).toBe(4);
    });

    test("what is executed beside the command has its label, and inspect and verify tell it", async () => {
      const kept = await background(host(), "kept", "echo ready; sleep 1000", []);
      const label = JSON.parse((await host().mdocker(["inspect", "kept"])).stdout)[0];
      expect(await host().mdocker(["exec", "kept", "sh", "-c", own])).toMatchObject({
        code: 0,
        stdout: label.ProcessLabel,
      });
      expect(label.MountLabel).toBe(
        label.ProcessLabel.replace("system_r:container_t", "object_r:container_file_t"),
      );
      expect((await host().mdocker(["verify", "kept"])).stdout).toMatch(/SELinux +system_u.* ok/);
      expect(levels()).toEqual([/c\d+,c\d+/.exec(label.ProcessLabel)?.[0]]);
      // Who shares its processes has its label, or could not see them.
      const joined = await run(["--pid", "container:kept"], own);
      expect(joined).toMatchObject({ code: 0, stdout: label.ProcessLabel });
      expect((await host().mdocker(["kill", "kept"])).code).toBe(0);
      await kept.ended;
      expect(levels()).toEqual([]);
    });

    test("a file of the host is read only when it was given to containers, with Z by one alone", async () => {
      const data = folder();
      mkdirSync(join(data, "below"));
      writeFileSync(join(data, "below/file"), "secret\n");
      const read = (suffix: string) => run(["-v", `${data}:/d${suffix}`], "cat /d/below/file");
      const refused = { code: 1, stdout: "", stderr: "cat: /d/below/file: Permission denied\n" };
      const given = { code: 0, stdout: "secret\n", stderr: "" };
      expect(await read("")).toEqual(refused);
      expect(await read(":ro,Z")).toEqual(given);
      // It was another's alone.
      expect(await read("")).toEqual(refused);
      expect(await read(":z")).toEqual(given);
      expect(await read("")).toEqual(given);
      for (const path of ["/", "/etc", "/usr/lib"])
        expect(await run(["-v", `${path}:/d:Z`], "true")).toMatchObject({
          code: 1,
          stderr: expect.stringMatching(
            /the host's own, and giving it another label would lock the host out/,
          ),
        });
    });

    test("a volume is every container's", async () => {
      expect(await run(["-v", "all:/v"], "echo one > /v/file")).toMatchObject({ code: 0, stderr: "" });
      expect(await run(["-v", "all:/v"], "cat /v/file")).toMatchObject({ code: 0, stdout: "one\n" });
      expect((await host().mdocker(["volume", "rm", "all"])).code).toBe(0);
    });

    test("labels can be chosen, and left out", async () => {
      const chosen = [...option("type:other_container_t"), ...option("level:s0:c1,c2")];
      expect(await run(chosen, `${own}; stat -c ' %C' /bin`)).toMatchObject({
        code: 0,
        stdout: "system_u:system_r:other_container_t:s0:c1,c2 system_u:object_r:container_file_t:s0:c1,c2\n",
      });
      for (const flags of [option("disable"), ["--privileged"], ["--pid", "host"], ["--ipc", "host"]])
        expect(await run(flags, own)).toMatchObject({ code: 0, stdout: expect.stringContaining(":host_t:") });
      expect(await run(option("type:no_such_t"), "true")).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/no_such_t.*: expected a context that the policy of this host has\n$/),
      });
      expect(await run(option("colour:red"), "true")).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/expected label=disable, label=user:USER/),
      });
      expect(levels()).toEqual([]);
    });
  });
}
