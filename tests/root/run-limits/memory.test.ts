// @vm
import { describe, expect, test } from "vitest";
import { type TestHost, withTestHost } from "../../harness/host.ts";
import { startIdle } from "../../harness/idle.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { limitValue } from "../../harness/limit-value.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";

/** Runs `act` on a throw-away host with the default image. */
async function onHost(act: (host: TestHost) => Promise<void>): Promise<void> {
  await withTestHost(act, { image: await sharedLabImage() });
}

const MiB = 1024 * 1024;
const none = ["--net", "none"];
const outOfMemory = (limit: string): string =>
  `mdocker: out of memory: the kernel killed a process of the container, which had reached its limit of ${limit} (--memory)\n`;

describe("--memory", () => {
  test.each([
    ["below init", []],
    ["as pid 1", ["--init=false"]],
  ])("a command that takes memory from its first instruction on meets the limit: %s", async (_, flags) => {
    await onHost(async (host) => {
      const limits = ["-m", "32m", "--memory-swap", "32m"];
      const command = ["run", ...none, ...limits, ...flags, "/usr/bin/tail", "/dev/zero"];
      expect(await host.mdocker(command)).toEqual({ code: 137, stdout: "", stderr: outOfMemory("32MiB") });
      await expectNothingLeft(host.fresh, "gone");
    });
  });

  test("so little that the root is built outside of it is a limit for all of the container's processes", async () => {
    await onHost(async (host) => {
      const little = ["run", ...none, "--memory", "1000k"];
      // `0::/` or `4:memory:/`: the cgroup namespace begins at the container's own.
      const shown = await host.mdocker([...little, "/bin/cat", "/proc/self/cgroup"]);
      expect(shown.stdout).toMatch(/^(0:|\d+:memory):\/$/m);
      expect(shown.code).toBe(0);
      for (const init of [[], ["--init=false"]])
        expect(await host.mdocker([...little, ...init, "/usr/bin/tail", "/dev/zero"])).toEqual({
          ...{ code: 137, stdout: "", stderr: outOfMemory("1000KiB") },
        });
      const idle = await startIdle(host, "little", [...none, "--memory", "1000k"]);
      const { stdout, code } = await host.mdocker(["verify", "little"]);
      expect(stdout).toMatch(/cgroup +all 2 processes +all 2 processes +ok/);
      expect(code).toBe(0);
      await idle.end();
      await expectNothingLeft(host.fresh, "gone");
    });
  });

  test("an end by lack of memory is told also when the command itself goes on", async () => {
    await onHost(async (host) => {
      const line = "tail /dev/zero; echo went on after $?";
      expect(await host.mdocker(["run", ...none, "-m", "24M", "/bin/sh", "-c", line])).toEqual({
        code: 0,
        stdout: "went on after 137\n",
        stderr: expect.stringContaining(outOfMemory("24MiB")),
      });
    });
  });

  test("a command that is killed otherwise has not run out of memory", async () => {
    await onHost(async (host) => {
      const command = ["run", ...none, "-m", "24m", "/bin/sh", "-c", "kill -9 $$"];
      expect(await host.mdocker(command)).toEqual({ code: 137, stdout: "", stderr: "" });
    });
  });

  test("is known of a kept container afterwards", async () => {
    await onHost(async (host) => {
      const kept = ["run", "--keep", "--name", "one", ...none, "-m", "24m"];
      expect((await host.mdocker([...kept, "/usr/bin/tail", "/dev/zero"])).code).toBe(137);
      const { stdout } = await host.mdocker(["inspect", "-f", "{{.exit.code}} {{.exit.oomKilled}}", "one"]);
      expect(stdout).toBe("137 true\n");
      await host.mdocker(["rm", "one"]);
    });
  });

  test("and --memory-swap, --memory-reservation are what the kernel has", async () => {
    await onHost(async (host) => {
      const one = await startIdle(host, "one", [
        ...[...none, "-m", "64m", "--memory-swap", "96m", "--memory-reservation", "32m"],
      ]);
      const value = (v1: string, v2: string): Promise<string> =>
        limitValue(host, "one", "memory", { v1, v2 });
      expect(await value("memory.limit_in_bytes", "memory.max")).toBe(String(64 * MiB));
      expect(await value("memory.soft_limit_in_bytes", "memory.low")).toBe(String(32 * MiB));
      // Memory and swap together on v1, swap alone on v2.
      expect([String(96 * MiB), String(32 * MiB)]).toContain(
        await value("memory.memsw.limit_in_bytes", "memory.swap.max"),
      );
      await one.end();
    });
  });

  test("usage above --memory-reservation is said once, and the container goes on", async () => {
    await onHost(async (host) => {
      const line = "head -c 24000000 /dev/zero > /dev/shm/x; echo grown; read -r end; echo end";
      const running = host.start([
        ...["run", "-i", ...none, "--memory-reservation", "16m"],
        ...["/bin/bash", "-c", line],
      ]);
      const said = await running.says(/mdocker: soft limit: .*\n/);
      expect(said[0]).toMatch(/its memory, \S+, is above 16MiB \(--memory-reservation\)/);
      await running.says(/grown/);
      running.child.stdin.end("\n");
      expect(await running.ended).toMatchObject({ code: 0, stdout: "grown\nend\n", stderr: said[0] });
      await expectNothingLeft(host.fresh, "gone");
    });
  });

  test("what makes no sense is refused in one line", async () => {
    const cases: [string[], RegExp][] = [
      [["-m", "4k", "--memory-swap", "1k"], /--memory-swap: 1k: expected at least --memory/],
      [["-m", "lots"], /--memory: lots: expected a size/],
      [["-m", "-5"], /--memory: -5: expected a size/],
      [["-m", "100"], /--memory: 100: expected at least 4096 bytes/],
      [["--memory-swap", "64m"], /--memory-swap: 64m: expected --memory with it/],
      [["-m", "32m", "--memory-reservation", "64m"], /--memory-reservation: 64m: expected at most --memory/],
    ];
    await onHost(async (host) => {
      for (const [flags, line] of cases) {
        const { code, stdout, stderr } = await host.mdocker(["run", ...none, ...flags, "/bin/true"]);
        expect(stderr).toMatch(/^mdocker: [^\n]+\n$/);
        expect(stderr).toMatch(line);
        expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
        await expectNothingLeft(host.fresh, "gone");
      }
    });
  });
});
