// @vm
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { detectCgroups } from "../../../cgroup/host.ts";
import { directoryFor } from "../../../cgroup/place.ts";
import type { TestHost } from "../../harness/host.ts";
import { useHost } from "../../harness/shared-host.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";
import { background, deaf, recordOf } from "./background.ts";

const MiB = 1024 ** 2;
let host: TestHost;
useHost((made) => {
  host = made;
});

/** A limit as the kernel has it: by the file of v1, or that of v2. */
async function limitOf(name: string, controller: string, v1: string, v2: string): Promise<string> {
  const cgroups = detectCgroups();
  const directory = directoryFor(cgroups, controller, (await recordOf(host, name)).cgroup ?? "") ?? "";
  return readFileSync(join(directory, cgroups.driver === "v1" ? v1 : v2), "utf8").trim();
}

async function memoryOf(name: string): Promise<number> {
  return Number(await limitOf(name, "memory", "memory.limit_in_bytes", "memory.max"));
}

describe("rename", () => {
  test("gives a running container another name, which it keeps", async () => {
    const running = await background(host, "old", deaf);
    const { id } = await recordOf(host, "old");
    expect(await host.mdocker(["rename", "old", "new"])).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(await recordOf(host, "new")).toMatchObject({ id, name: "new", state: "running" });
    expect((await host.mdocker(["inspect", "old"])).code).toBe(1);
    // The old name is free.
    const other = await background(host, "old", deaf, []);
    expect((await host.mdocker(["kill", "new", "old"])).code).toBe(0);
    expect((await running.ended).code).toBe(137);
    expect((await other.ended).code).toBe(137);
    expect(await recordOf(host, "new")).toMatchObject({ id, name: "new", state: "exited" });
    expect((await host.mdocker(["rename", "new", "last"])).code).toBe(0);
    expect((await host.mdocker(["rm", "last"])).code).toBe(0);
    await expectNothingLeft(host.fresh);
  });

  test("of one that is not kept leaves no name behind", async () => {
    const running = await background(host, "short", deaf, []);
    expect((await host.mdocker(["rename", "short", "shorter"])).code).toBe(0);
    expect((await host.mdocker(["kill", "shorter"])).code).toBe(0);
    await running.ended;
    for (const name of ["short", "shorter"])
      expect((await host.mdocker(["run", "--net", "none", "--name", name, "/bin/true"])).code).toBe(0);
    expect((await host.mdocker(["gc"])).stdout).toBe("");
  });

  test("works after a boot, when there is no state", async () => {
    await host.mdocker(["run", "--keep", "--net", "none", "--name", "before", "/bin/true"]);
    rmSync(host.place.state, { recursive: true });
    expect(await host.mdocker(["rename", "before", "after"])).toEqual({ code: 0, stdout: "", stderr: "" });
    expect((await host.mdocker(["update", "-m", "64m", "after"])).code).toBe(0);
    expect((await host.mdocker(["rm", "after"])).code).toBe(0);
  });

  test("refuses a name that is taken, its own, and what is none", async () => {
    const one = await background(host, "one", deaf, []);
    const two = await background(host, "two", deaf, []);
    const { id } = await recordOf(host, "two");
    expect((await host.mdocker(["rename", "one", "two"])).stderr).toBe(
      `mdocker: two is in use by container ${id.slice(0, 12)}: remove it (mdocker rm two) or choose another name\n`,
    );
    expect((await host.mdocker(["rename", "one", "one"])).code).toBe(1);
    expect((await host.mdocker(["rename", "one", "a/b"])).stderr).toMatch(/expected letters, digits/);
    expect((await host.mdocker(["rename", "nobody", "three"])).code).toBe(1);
    expect((await recordOf(host, "one")).name).toBe("one");
    await host.mdocker(["rm", "-f", "one", "two"]);
    await Promise.all([one.ended, two.ended]);
  });
});

describe("update", () => {
  test("changes limits of a running container, and what is known of it", async () => {
    const running = await background(host, "limited", deaf, ["--keep", "-m", "64m", "--pids-limit", "50"]);
    const flags = ["--memory", "96m", "--cpus", "0.5", "--cpu-shares", "512", "--pids-limit", "70"];
    expect(await host.mdocker(["update", ...flags, "limited"])).toEqual({
      code: 0,
      stdout: "limited\n",
      stderr: "",
    });
    expect(await memoryOf("limited")).toBe(96 * MiB);
    expect(await limitOf("limited", "pids", "pids.max", "pids.max")).toBe("70");
    expect(await limitOf("limited", "cpu", "cpu.cfs_quota_us", "cpu.max")).toMatch(/^50000( 100000)?$/);
    const resources = {
      memory: { limit: 96 * MiB },
      pids: { limit: 70 },
      cpu: { quota: 50_000, period: 100_000, shares: 512 },
    };
    const record = await recordOf(host, "limited");
    expect(record.resources).toEqual(resources);
    const file = join(host.place.root, "containers", record.id, "config.json");
    expect(JSON.parse(readFileSync(file, "utf8")).linux.resources).toMatchObject(resources);
    // One more, which leaves the others.
    expect((await host.mdocker(["update", "-m", "48m", "limited"])).code).toBe(0);
    expect(await memoryOf("limited")).toBe(48 * MiB);
    expect(await limitOf("limited", "pids", "pids.max", "pids.max")).toBe("70");
    await host.mdocker(["kill", "limited"]);
    await running.ended;
    expect((await recordOf(host, "limited")).resources).toMatchObject({ memory: { limit: 48 * MiB } });
    expect((await host.mdocker(["rm", "limited"])).code).toBe(0);
    await expectNothingLeft(host.fresh);
  });

  test("gives an unlimited container limits, and leaves no cgroup of them", async () => {
    const running = await background(host, "free", deaf, []);
    expect((await host.mdocker(["update", "--cpuset-cpus", "0", "--cpus", "1", "free"])).code).toBe(0);
    expect(await limitOf("free", "cpuset", "cpuset.cpus", "cpuset.cpus")).toBe("0");
    await host.mdocker(["kill", "free"]);
    await running.ended;
    await expectNothingLeft(host.fresh);
  });

  test("changes nothing when one limit is refused", async () => {
    const running = await background(host, "same", deaf, ["--keep", "-m", "64m", "--memory-swap", "80m"]);
    const before = await recordOf(host, "same");
    const refused = await host.mdocker(["update", "-m", "72m", "--cpuset-cpus", "9999", "same"]);
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toMatch(/^mdocker: .*--cpuset-cpus.*\n$/);
    expect(await memoryOf("same")).toBe(64 * MiB);
    expect(await recordOf(host, "same")).toEqual(before);
    // Memory alone would be above memory and swap together.
    expect((await host.mdocker(["update", "-m", "128m", "same"])).stderr).toMatch(/--memory-swap/);
    expect((await host.mdocker(["update", "-m", "128m", "--memory-swap", "160m", "same"])).code).toBe(0);
    expect(await memoryOf("same")).toBe(128 * MiB);
    await host.mdocker(["rm", "-f", "same"]);
    await running.ended;
  });

  test("refuses what is no change", async () => {
    expect((await host.mdocker(["update", "x"])).stderr).toMatch(
      /^mdocker: update: expected something to change/,
    );
    expect((await host.mdocker(["update", "--restart", "sometimes", "x"])).stderr).toBe(
      "mdocker: --restart: sometimes: expected no, on-failure[:TIMES], always or unless-stopped\n",
    );
    const running = await background(host, "front", deaf);
    expect((await host.mdocker(["update", "--restart", "always", "front"])).stderr).toMatch(/foreground/);
    await host.mdocker(["rm", "-f", "front"]);
    await running.ended;
  });
});

describe("prune", () => {
  test("removes what has ended, and says how much that was", async () => {
    const running = await background(host, "lives", deaf);
    const write = "head -c 100000 /dev/zero > /file";
    const ids: string[] = [];
    for (const [name, label] of [
      ["p1", "a=1"],
      ["p2", "b=2"],
    ] as const) {
      await host.mdocker([
        "run",
        "--keep",
        "--net",
        "none",
        "--name",
        name,
        "-l",
        label,
        "/bin/sh",
        "-c",
        write,
      ]);
      ids.push((await recordOf(host, name)).id);
    }
    const answer = await host.mdocker(["prune"], { input: "n\n" });
    expect(answer.stdout).toBe(
      "WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] ",
    );
    expect((await host.mdocker(["prune", "-f", "--filter", "until=1h"])).stdout).toBe(
      "Total reclaimed space: 0B\n",
    );
    expect((await host.mdocker(["container", "prune", "-f", "--filter", "label=a"])).stdout).toMatch(
      new RegExp(`^Deleted Containers:\n${ids[0]}\n\nTotal reclaimed space: 100kB\n$`),
    );
    expect((await host.mdocker(["system", "prune"], { input: "y\n" })).stdout).toContain(
      `Deleted Containers:\n${ids[1]}\n\nTotal reclaimed space: 1`,
    );
    expect((await host.mdocker(["prune", "-f", "--filter", "age=3"])).stderr).toMatch(
      /^mdocker: filter age: expected until, label/,
    );
    expect((await recordOf(host, "lives")).state).toBe("running");
    await host.mdocker(["container", "rm", "-f", "lives"]);
    await running.ended;
  });
});
