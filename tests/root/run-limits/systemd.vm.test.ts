// @vm
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { bootSystemd, type SystemdHost } from "../../harness/systemd.ts";

const unit = "mdocker-containers.scope";
const scope = `/sys/fs/cgroup/mdocker.slice/${unit}`;

let host: SystemdHost;
let env: NodeJS.ProcessEnv;

const text = (path: string): string => readFileSync(path, "utf8").trim();
/** The processes that keep scopes, by their command lines: `mdocker-scope`. */
const holders = (directory = scope): string[] => text(`${directory}/holder/cgroup.procs`).split("\n");
const containersIn = (directory: string): string[] =>
  readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);

async function start(name: string, ...flags: string[]): Promise<string> {
  const { code, stdout, stderr } = await host.mdocker(
    ["run", "-d", "--net", "none", "--name", name, ...flags, "lab", "sleep", "100000"],
    env,
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout.trim();
}

beforeAll(async () => {
  env = { MDOCKER_ROOT: await sharedLabImage(), MDOCKER_STATE: "/run/mdocker-test", MDOCKER_PREFIX: "sdt" };
  host = await bootSystemd();
}, 300_000);

describe("on a host whose cgroups systemd manages", () => {
  test("containers are in a scope that systemd has delegated, with their limits, and stay there when it reloads", async () => {
    expect(existsSync(scope)).toBe(false);
    const explained = await host.mdocker(["run", "--explain", "--net", "none", "lab", "true"], env);
    // Long paths are broken to the width of a terminal.
    expect(explained.stdout.replace(/\s+/g, "")).toMatch(
      /mdocker-containers\.scope\/sdt\/\S+,havingaskedsystemd/,
    );
    expect(existsSync(scope)).toBe(false);

    const id = await start("one", "--memory", "40m", "--cpus", "0.5");
    expect(await host.property(unit, "Delegate")).toBe("yes");
    expect(await host.property(unit, "Slice")).toBe("mdocker.slice");
    const cgroup = `${scope}/sdt/${id}`;
    const limits = (): string[] => [text(`${cgroup}/memory.max`), text(`${cgroup}/cpu.max`)];
    expect(limits()).toEqual([String(40 * 2 ** 20), "50000 100000"]);
    // Not in the cgroup from which controllers are handed down.
    expect(text(`${scope}/cgroup.procs`)).toBe("");
    // What the scope and its slice promise is systemd's to know, or it would be gone when it looks again.
    await start("promised", "--memory-min", "8m");
    await host.said(["systemctl", "daemon-reload"]);
    for (const name of [unit, "mdocker.slice"])
      expect(await host.property(name, "MemoryMin")).toBe(String(8 * 2 ** 20));
    expect(text(`${scope}/memory.min`)).toBe(String(8 * 2 ** 20));
    expect(await host.mdocker(["rm", "-f", "promised"], env)).toMatchObject({ code: 0 });
    expect(text(`${scope}/memory.min`)).toBe("0");
    await host.said(["systemctl", "set-property", "--runtime", "mdocker.slice", "CPUWeight=50"]);
    expect(limits()).toEqual([String(40 * 2 ** 20), "50000 100000"]);
    const inside = await host.mdocker(["exec", "one", "cat", "/proc/self/cgroup"], env);
    expect(inside).toMatchObject({ code: 0, stdout: "0::/\n" });
    expect(await host.mdocker(["verify", "one"], env)).toMatchObject({ code: 0 });
    expect(await host.mdocker(["info"], env)).toMatchObject({
      stdout: expect.stringMatching(/cgroups:\s+v2, by systemd/),
    });
    expect(await host.mdocker(["rm", "-f", "one"], env)).toMatchObject({ code: 0 });
    expect(existsSync(cgroup)).toBe(false);
  });

  test("the scope goes with gc, not with a container in it; ten that are first at once make one", async () => {
    const gone = /removed the scope of systemd's/;
    await start("kept");
    expect((await host.mdocker(["gc"], env)).stdout).not.toMatch(gone);
    expect(await host.mdocker(["rm", "-f", "kept"], env)).toMatchObject({ code: 0 });
    expect((await host.mdocker(["gc"], env)).stdout).toMatch(gone);
    await vi.waitFor(() => expect(existsSync(scope)).toBe(false), 30_000);
    const run = ["run", "--rm", "--net", "none", "lab", "true"];
    const results = await Promise.all(Array.from({ length: 10 }, () => host.mdocker(run, env)));
    expect(results.filter(({ code, stderr }) => code !== 0 || stderr !== "")).toEqual([]);
    expect(holders()).toHaveLength(1);
    expect(await host.said(["pgrep", "--count", "--full", "^mdocker-scope$"])).toBe("1\n");
  });

  test("a container outlives what keeps the scope, which the next one has again", async () => {
    const id = await start("alone");
    await host.said(["pkill", "--signal", "KILL", "--full", "^mdocker-scope$"]);
    await vi.waitFor(() => expect(holders()).toEqual([""]), 30_000);
    const next = await host.mdocker(["run", "--rm", "--net", "none", "lab", "true"], env);
    expect(next).toMatchObject({ code: 0, stderr: "" });
    expect(holders()).toHaveLength(1);
    expect(holders()).not.toEqual([""]);
    expect(containersIn(`${scope}/sdt`)).toEqual([id]);
    expect(await host.mdocker(["rm", "-f", "alone"], env)).toMatchObject({ code: 0 });
  });

  test("where systemd does not answer that is said, and how to do without it", async () => {
    await host.mdocker(["gc"], env);
    await vi.waitFor(() => expect(existsSync(scope)).toBe(false), 30_000);
    const hidden = (args: readonly string[], more: NodeJS.ProcessEnv = {}) =>
      host.run(
        [
          ...["unshare", "--mount", "sh", "-ec"],
          'for d in dbus systemd; do mount -t tmpfs none /run/$d; done; exec "$@"',
          ...["sh", "bin/mdocker", "run", "--rm", "--net", "none", ...args],
        ],
        { ...env, ...more },
      );
    const failed = await hidden(["lab", "true"]);
    expect(failed).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^mdocker: cgroups: systemd: .*\n$/),
    });
    expect(failed.stderr).toMatch(/MDOCKER_CGROUP_MANAGER=cgroupfs/);
    const plain = { MDOCKER_CGROUP_MANAGER: "cgroupfs" };
    const command = ["lab", "sh", "-c", "test -e /sys/fs/cgroup/memory.max"];
    expect(await hidden(command, plain)).toMatchObject({ code: 0, stderr: "" });
    expect(existsSync(scope)).toBe(false);
    const wrong = await hidden(["lab", "true"], { MDOCKER_CGROUP_MANAGER: "x" });
    expect(wrong).toMatchObject({
      code: 1,
      stderr: "mdocker: MDOCKER_CGROUP_MANAGER=x: expected systemd or cgroupfs\n",
    });
  });

  test("who has logged in by ssh has limits, in a scope of the user's own systemd", async () => {
    const user = await host.logIn("joe", 4711);
    const run = ["run", "-d", "--net", "none", "--name", "me", "--memory", "40m", "lab", "sleep", "100000"];
    const { code, stdout } = await user.mdocker(run);
    expect(code).toBe(0);
    const cgroup = `${user.manager}/mdocker.slice/${unit}/mdocker/${stdout.trim()}`;
    expect(text(`${cgroup}/memory.max`)).toBe(String(40 * 2 ** 20));
    expect(await user.mdocker(["exec", "me", "cat", "/proc/self/cgroup"])).toMatchObject({
      stdout: "0::/\n",
    });
    expect(await user.mdocker(["update", "--memory", "50m", "me"])).toMatchObject({ code: 0 });
    expect(text(`${cgroup}/memory.max`)).toBe(String(50 * 2 ** 20));
    const hungry = ["run", "--rm", "--net", "none", "-m", "30m", "lab", "tail", "/dev/zero"];
    expect(await user.mdocker(hungry)).toMatchObject({
      code: 137,
      stderr: expect.stringMatching(/out of memory/),
    });
    expect(await user.mdocker(["rm", "-f", "me"])).toMatchObject({ code: 0 });
    expect(existsSync(cgroup)).toBe(false);
    const without = await user.mdocker(["run", "--rm", "-m", "30m", "lab", "true"], {
      MDOCKER_CGROUP_MANAGER: "cgroupfs",
    });
    expect(without).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/cannot enforce --memory: this login is beside/),
    });
  });
});
