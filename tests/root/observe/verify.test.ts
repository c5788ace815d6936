import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Finding } from "../../../src/container/verify/finding.ts";
import { startCommand } from "../../harness/command.ts";
import { sharedHost } from "../../harness/shared-host.ts";
import { endSupervisor } from "../../harness/supervisor.ts";
import { cgroupDirectories, endAll, inspected, intrude, startReady } from "./container.ts";

const { host, folder } = sharedHost();

/** The checks that do not hold, by name; the exit code must say the same. */
async function broken(name: string): Promise<Record<string, string>> {
  const { code, stdout, stderr } = await host().mdocker(["verify", "--json", name]);
  expect(stderr).toBe("");
  const found = JSON.parse(stdout) as Finding[];
  const bad = found.filter(({ ok }) => !ok);
  expect(code).toBe(bad.length > 0 ? 1 : 0);
  expect(found.length).toBeGreaterThan(20);
  return Object.fromEntries(bad.map(({ check, found: is }) => [check, is]));
}

describe("what was asked for holds", () => {
  test.each([
    ["with all defaults", []],
    [
      "without a network, read-only, as another user",
      ["--net", "none", "--read-only", "--user", "1000:1000"],
    ],
    ["with limits", ["--memory", "70000001", "--cpus", "0.5", "--pids-limit", "50", "--cpu-shares", "512"]],
    ["on the host's network, without init", ["--net", "host", "--init=false"]],
    ["--privileged", ["--privileged"]],
    [
      "with other privileges",
      ["--cap-add", "NET_ADMIN", "--cap-drop", "KILL", "--security-opt", "seccomp=unconfined"],
    ],
    ["with new privileges allowed", ["--security-opt", "no-new-privileges=false", "--tmpfs", "/scratch"]],
  ])("%s", async (_, options) => {
    const shared = folder();
    const binds = [
      "-v",
      `${shared}:/ro:ro`,
      "-v",
      `${shared}:/rw`,
      "-v",
      "named:/volume",
      "-v",
      `${shared}:/bin/../bin/linked/`,
    ];
    const run = await startReady(host(), "good", [...binds, ...options]);
    expect(await broken("good")).toEqual({});
    await endAll(host(), { good: run });
  });

  test("in the network of another container; as a table", async () => {
    const first = await startReady(host(), "first", []);
    const second = await startReady(host(), "second", ["--net", "container:first"]);
    expect(await broken("second")).toEqual({});
    const { code, stdout } = await host().mdocker(["verify", "first"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ +CHECK +EXPECTED +FOUND\nnamespaces +pid +its own +\d+ \(host: \d+\) +ok\n/);
    expect(stdout).toMatch(/\n +address of eth0 +10\.200\.1\.\d+\/24 +10\.200\.1\.\d+\/24 +ok\n/);
    expect(stdout).toMatch(/\nall \d+ hold\n$/);
    await endAll(host(), { second, first });
  });

  test("detached, on a terminal, with commands executed in it, paused", async () => {
    const does = async (...args: readonly string[]) => {
      const { code, stdout, stderr } = await host().mdocker(args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      return stdout;
    };
    try {
      await does("run", "-dit", "--name", "tty", "lab", "/bin/bash");
      await does("run", "-d", "--name", "quiet", "lab", "/bin/sleep", "1000");
      for (const name of ["tty", "quiet"]) {
        await does("exec", "-d", name, "/bin/sleep", "1000");
        await does("exec", "-d", "-u", "1000", name, "/bin/sleep", "1000");
        expect(await broken(name)).toEqual({});
        expect(await does("stats", "--no-stream", "--format", "{{.PIDs}}", name)).toBe("4\n");
      }
      await does("pause", "quiet");
      expect(await broken("quiet")).toEqual({});
      // What is executed with more than the container has is no longer as asked.
      await does("exec", "-d", "--privileged", "tty", "/bin/sleep", "1000");
      expect(Object.keys(await broken("tty"))).toEqual(["capabilities"]);
      await does("rm", "-f", "tty", "quiet");
    } finally {
      await endSupervisor(host().place);
    }
  });

  test("one that does not run can prove nothing", async () => {
    const run = await startReady(host(), "brief", ["--net", "none", "--keep"], "true");
    await run.ended;
    expect(await host().mdocker(["verify", "brief"])).toEqual({
      code: 1,
      stdout: "",
      stderr: "mdocker: container brief is not running\n",
    });
    await endAll(host(), { brief: run });
  });
});

describe("what somebody has changed behind its back is found", () => {
  test("a process of the host inside: namespaces as they should be, nothing else", async () => {
    const run = await startReady(host(), "leaky", ["--net", "none"]);
    expect(await broken("leaky")).toEqual({});
    const intruder = await intrude(host(), "leaky", "exec 9</etc");
    const bad = await broken("leaky");
    expect(bad).toMatchObject({
      capabilities: expect.stringMatching(/sleep \(\d+\) bounding: CAP_\w+, .* and \d+ more/) as string,
      seccomp: expect.stringMatching(/sleep \(\d+\) has none/) as string,
      no_new_privs: expect.stringMatching(/sleep \(\d+\) has it not/) as string,
      "open files that lead out": expect.stringMatching(/9 of sleep \(\d+\): \/etc/) as string,
      // nsenter waits for its child, in the cgroup and outside of the pid namespace.
      "pid of all processes": expect.stringMatching(/^nsenter \(\d+\)$/) as string,
    });
    await endAll(host(), { leaky: run });
    await intruder.ended;
  });

  test("a process of the host in its network namespace alone", async () => {
    const run = await startReady(host(), "visited", ["--net", "none"]);
    const init = await inspected(host(), "visited", "{{.init.pid}}");
    const command = ["nsenter", "--target", init, "--net", "sh", "-c", "echo entered; exec sleep 1000"];
    const visitor = startCommand([...host().place.enter, ...command], { env: host().env });
    await visitor.says(/entered/);
    expect(await broken("visited")).toEqual({
      "others in its namespaces": expect.stringMatching(/^(sh|sleep) \(\d+\): net$/) as string,
    });
    visitor.child.kill("SIGKILL");
    await visitor.ended;
    expect(await broken("visited")).toEqual({});
    await endAll(host(), { visited: run });
  });

  test("limits, and who they hold for", async () => {
    const run = await startReady(
      host(),
      "limited",
      ["--net", "none", "--pids-limit", "50"],
      "sleep 1000 & wait",
    );
    const directories = cgroupDirectories(await inspected(host(), "limited", "{{.cgroup}}"));
    const file = directories
      .map((directory) => `${directory}/pids.max`)
      .find((path) => {
        try {
          return readFileSync(path, "utf8").trim() === "50";
        } catch {
          return false;
        }
      });
    writeFileSync(file ?? "", "51");
    expect(await broken("limited")).toEqual({ "pids.max": "51" });
    writeFileSync(file ?? "", "50");

    const { stdout } = await host().mdocker(["top", "limited", "-o", "pid,comm"]);
    const sleeper = /(\d+) +sleep/.exec(stdout)?.[1] ?? "";
    for (const directory of directories) writeFileSync(`${directory}/../../cgroup.procs`, sleeper);
    expect(await broken("limited")).toEqual({ "processes of its pid namespace": `not in it: ${sleeper}` });
    await endAll(host(), { limited: run });
  });

  test("addresses and interfaces", async () => {
    const run = await startReady(host(), "wired", []);
    const init = await inspected(host(), "wired", "{{.init.pid}}");
    const inside = (...command: string[]) =>
      host().hostRun(["nsenter", "--target", init, "--net", ...command]);
    await inside("ip", "address", "add", "10.9.9.9/24", "dev", "eth0");
    await inside("ip", "link", "add", "extra", "type", "veth", "peer", "name", "other");
    expect(await broken("wired")).toEqual({
      interfaces: "eth0, extra, lo, other",
      "address of eth0": expect.stringMatching(/10\.9\.9\.9\/24/) as string,
    });
    await endAll(host(), { wired: run });
  });

  test("mounts: masks taken away, paths made writable, a directory of the host brought in", async () => {
    const shared = folder();
    const run = await startReady(host(), "masked", ["--net", "none", "-v", `${shared}:/data:ro`]);
    const init = await inspected(host(), "masked", "{{.init.pid}}");
    const inside = (...command: string[]) =>
      host().hostRun(["nsenter", "--target", init, "--mount", "--pid", ...command]);
    await inside("umount", "/proc/keys");
    await inside("mount", "-o", "remount,bind,rw", "/proc/sys");
    await inside("mount", "-o", "remount,bind,rw", "/data");
    await inside("mount", "-t", "tmpfs", "tmpfs", "/mnt");
    expect(await broken("masked")).toEqual({
      mounts: "also /mnt",
      "masked paths": "to be seen: /proc/keys",
      "read-only paths": "writable: /proc/sys",
      [`${shared} on /data`]: "rw",
    });
    await endAll(host(), { masked: run });
  });
});
