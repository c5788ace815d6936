// @vm
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { withOrdinaryUsers } from "../../harness/ordinary-user.ts";

test("an ordinary user has limits where a part of the cgroup tree is the user's", async () => {
  await withOrdinaryUsers([{ env: { MDOCKER_OUTSIDE: "none" } }], async ([user], host) => {
    if (user === undefined) throw new Error("no user");
    const pure = existsSync("/sys/fs/cgroup/cgroup.controllers");
    const tree = pure ? "/sys/fs/cgroup" : "/sys/fs/cgroup/unified";
    const own = `${tree}/u${user.uid}`;
    mkdirSync(`${own}/login`, { recursive: true });
    try {
      if (pure) {
        writeFileSync(`${tree}/cgroup.subtree_control`, "+memory +pids");
        writeFileSync(`${own}/cgroup.subtree_control`, "+memory +pids");
      }
      await host.hostRun(["chown", "-R", String(user.uid), own]);
      const enter = `echo $$ > ${own}/login/cgroup.procs`;
      const hungry = ["/bin/bash", "-c", "echo 50 > /proc/self/oom_score_adj; exec tail /dev/zero"];
      const result = await user.inside(enter, ["run", "-m", "30m", ...hungry]);
      if (pure) {
        expect(result).toMatchObject({ code: 137, stderr: expect.stringMatching(/out of memory: /) });
        const slow = "impair me --delay 30ms";
        const started = await user.inside(enter, ["run", "-d", "--name", "me", "/bin/sleep", "100000"]);
        expect(started.code).toBe(0);
        expect(await user.mdocker(["network", ...slow.split(" ")])).toMatchObject({ code: 0, stderr: "" });
        const ping = await user.mdocker(["exec", "me", "/bin/ping", "-c", "1", "10.200.1.1"]);
        expect(Number(/time=([\d.]+) ms/.exec(ping.stdout)?.[1])).toBeGreaterThanOrEqual(30);
        expect(await user.mdocker(["rm", "-f", "me"])).toMatchObject({ code: 0 });
      } else {
        expect(result).toMatchObject({ code: 2, stderr: expect.stringMatching(/cgroup v1/) });
      }
      expect(readFileSync(`${own}/cgroup.procs`, "utf8")).toBe("");
    } finally {
      await user.end();
      await host.hostRun(["find", own, "-depth", "-type", "d", "-exec", "rmdir", "{}", "+"]);
    }
  });
});
