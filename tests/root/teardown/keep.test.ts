import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { ContainerRecord } from "../../../src/container/record.ts";
import type { TestHost } from "../../harness/host.ts";
import { useHost } from "../../harness/shared-host.ts";
import { expectNothingLeft, settled } from "../../harness/snapshot.ts";

let host: TestHost;
useHost(
  (made) => {
    host = made;
  },
  async () => {
    expect((await host.mdocker(["gc", "--networks"])).code).toBe(0);
    await expectNothingLeft(host.fresh, "gone");
  },
);

async function record(name: string): Promise<ContainerRecord> {
  const [found] = JSON.parse((await host.mdocker(["inspect", name])).stdout) as [ContainerRecord];
  return found;
}

/** Removes the kept container `name`, after which nothing of it is left. */
async function remove(name: string): Promise<void> {
  expect(await host.mdocker(["rm", name])).toEqual({ code: 0, stdout: `${name}\n`, stderr: "" });
  expect(await host.mdocker(["inspect", name])).toMatchObject({ code: 1 });
  await expectNothingLeft(host.fresh);
}

/** Looks at what a kept container has left: its record and its layer, and nothing else of any kind. */
async function expectKept(name: string): Promise<string> {
  const { id } = await record(name);
  const { root, state, prefix } = host.place;
  const [directory, run] = [join(root, "containers", id), join(state, "containers", id)];
  const known = await host.mdocker(["gc"]);
  expect(known).toMatchObject({ code: 0, stderr: "", stdout: expect.not.stringContaining("container") });
  const { left } = await settled(host.fresh, 5_000, ({ kind, line }) => {
    if (kind === "files") return line.startsWith(directory) || line.startsWith(run);
    // The network stays, too.
    return kind === "rules" || line === `${prefix}0` || line.endsWith(`/${prefix}`);
  });
  expect(left).toEqual([]);
  return directory;
}

describe("--keep", () => {
  test("leaves the record and the writable layer, and nothing else", async () => {
    const script = "echo mine > /root/file; exit 3";
    expect((await host.mdocker(["run", "--keep", "--name", "kept", "/bin/sh", "-c", script])).code).toBe(3);
    const directory = await expectKept("kept");
    expect(readdirSync(join(directory, "upper/root"))).toContain("file");
    expect(await record("kept")).toMatchObject({ name: "kept", state: "exited", exit: { code: 3 } });
    const shown = ["ps", "-a", "--format", "{{.Names}} {{.State}}"];
    expect((await host.mdocker(shown)).stdout).toBe("kept exited\n");
    expect((await host.mdocker(["ps", "-q"])).stdout).toBe("");
    await remove("kept");
    expect(existsSync(directory)).toBe(false);
  });

  test.each([
    ["the name", "name"],
    ["the id", "id"],
    ["the beginning of the id", "short"],
  ])("rm takes %s", async (_, by) => {
    expect((await host.mdocker(["run", "--keep", "--name", "kept", "--net", "none", "/bin/true"])).code).toBe(
      0,
    );
    const { id } = await record("kept");
    const reference = { name: "kept", id, short: id.slice(0, 10) }[by] ?? expect.unreachable();
    expect((await host.mdocker(["rm", reference])).code).toBe(0);
    await expectNothingLeft(host.fresh);
  });

  test("also when it was killed, with mdocker or without", async () => {
    for (const whom of ["mdocker", "the container"]) {
      const script = "echo mine > /root/file; echo up; sleep 1000";
      const running = host.start(["run", "--keep", "--name", "kept", "/bin/sh", "-c", script]);
      await running.says(/^up$/m);
      if (whom === "mdocker") running.child.kill("SIGKILL");
      else expect((await host.mdocker(["kill", "kept"])).code).toBe(0);
      expect((await running.ended).code).toBe(137);
      await settled(host.fresh, 5_000, ({ kind }) => kind !== "processes");
      const directory = await expectKept("kept");
      expect(readdirSync(join(directory, "upper/root"))).toContain("file");
      expect(await record("kept")).toMatchObject({ state: "exited", exit: { code: 137 } });
      await remove("kept");
    }
  });

  test("does not keep what never began", async () => {
    const { code } = await host.mdocker(["run", "--keep", "--name", "kept", "--net", "none", "/bin/no-such"]);
    expect(code).toBe(127);
    await expectNothingLeft(host.fresh);
  });
});

describe("a name belongs to one container", () => {
  const again = (): ReturnType<TestHost["mdocker"]> =>
    host.mdocker(["run", "--name", "mine", "--net", "none", "/bin/true"]);
  const refusal = {
    code: 1,
    stdout: "",
    stderr: expect.stringMatching(
      /^mdocker: --name: mine is in use by container [0-9a-f]{12}: remove it \(mdocker rm mine\) or choose another name\n$/,
    ),
  };

  test("that is kept", async () => {
    expect((await host.mdocker(["run", "--keep", "--name", "mine", "--net", "none", "/bin/true"])).code).toBe(
      0,
    );
    expect(await again()).toEqual(refusal);
    await expectKept("mine");
    await remove("mine");
    expect((await again()).code).toBe(0);
  });

  test("that runs; rm refuses it, rm -f kills it", async () => {
    const running = host.start(["run", "--name", "mine", "/bin/sh", "-c", "echo up; sleep 1000"]);
    await running.says(/^up$/m);
    expect(await again()).toEqual(refusal);
    expect(await host.mdocker(["rm", "mine"])).toEqual({
      code: 1,
      stdout: "",
      stderr: "mdocker: container mine is running: stop it first, or use mdocker rm -f\n",
    });
    expect((await record("mine")).state).toBe("running");
    expect(await host.mdocker(["rm", "-f", "mine"])).toEqual({ code: 0, stdout: "mine\n", stderr: "" });
    expect(await running.ended).toMatchObject({ code: 137, stderr: "" });
    await expectNothingLeft(host.fresh);
    expect((await again()).code).toBe(0);
  });

  test("also of those that want it at the same time", async () => {
    const runs = Array.from({ length: 8 }, () =>
      host.start(["run", "-i", "--name", "mine", "--net", "none", "/bin/sh", "-c", "echo up; cat"]),
    );
    const first = await Promise.any(runs.map((it) => it.says(/^up$/m).then(() => it)));
    const losers = await Promise.all(runs.filter((it) => it !== first).map(({ ended }) => ended));
    for (const loser of losers) expect(loser).toEqual(refusal);
    first.child.stdin.end();
    expect((await first.ended).code).toBe(0);
    await expectNothingLeft(host.fresh);
  });

  test("rm -f of one that is kept takes all of it", async () => {
    // Both rm and run see it end, and either may be the first to act.
    for (let round = 0; round < 10; round++) {
      const running = host.start(["run", "--keep", "--name", "mine", "/bin/sh", "-c", "echo up; sleep 1000"]);
      await running.says(/^up$/m);
      expect(await host.mdocker(["rm", "-f", "mine"])).toEqual({ code: 0, stdout: "mine\n", stderr: "" });
      expect(await running.ended).toMatchObject({ code: 137, stderr: "" });
      await expectNothingLeft(host.fresh);
    }
  });
});
