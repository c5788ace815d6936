import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import type { Result } from "../../harness/command.ts";
import { sharedHost } from "../../harness/shared-host.ts";
import { endSupervisor } from "../../harness/supervisor.ts";

const { host, folder } = sharedHost();

const volume = (...args: readonly string[]): Promise<Result> => host().mdocker(["volume", ...args]);

async function said(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await volume(...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

function volumesFolder(): string {
  return join(host().place.root, "volumes");
}

function names(): string[] {
  return existsSync(volumesFolder()) ? readdirSync(volumesFolder()).sort() : [];
}

/** A container that stays, and was given these flags. */
async function kept(name: string, ...flags: readonly string[]): Promise<void> {
  const run = ["run", "--keep", "--name", name, "--net", "none", ...flags, "/bin/true"];
  expect(await host().mdocker(run)).toMatchObject({ code: 0, stderr: "" });
}

afterEach(async () => {
  await volume("prune", "-a", "-f");
  expect(names()).toEqual([]);
});

describe("volume", () => {
  test("create makes one by name, or makes a name up; one that exists stays", async () => {
    expect(await said("create", "--label", "a=b", "--label", "only", "data")).toBe("data\n");
    writeFileSync(join(volumesFolder(), "data/_data/file"), "mine");
    expect(await said("create", "data")).toBe("data\n");
    const made = (await said("create")).trim();
    expect(made).toMatch(/^[0-9a-f]{64}$/);
    expect(names()).toEqual([made, "data"].sort());
    const [document] = JSON.parse(await said("inspect", "data")) as [Record<string, unknown>];
    expect(document).toEqual({
      CreatedAt: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      Driver: "local",
      Labels: { a: "b", only: "" },
      Mountpoint: join(volumesFolder(), "data/_data"),
      Name: "data",
      Options: null,
      Scope: "local",
    });
    expect(readFileSync(join(String(document["Mountpoint"]), "file"), "utf8")).toBe("mine");
    for (const name of ["../x", ".x", "a/b", "", "-x"]) {
      const { code, stderr } = await volume("create", "--", name);
      expect([name, code]).toEqual([name, 1]);
      expect(stderr).toMatch(/expected a name of letters/);
    }
    expect((await volume("create", "-d", "nfs", "x")).stderr).toMatch(/expected local/);
  });

  test("ls shows docker's columns, filters and formats", async () => {
    await said("create", "--label", "tier=web", "one");
    await said("create", "two");
    await kept("user", "-v", "three:/x", "-v", "two:/y:ro");
    expect(await said("ls")).toBe("DRIVER   VOLUME NAME\nlocal    one\nlocal    three\nlocal    two\n");
    expect(await said("ls", "-q", "-f", "dangling=true")).toBe("one\n");
    expect(await said("ls", "-q", "-f", "dangling=false")).toBe("three\ntwo\n");
    expect(await said("ls", "-q", "-f", "label=tier")).toBe("one\n");
    expect(await said("ls", "-q", "-f", "label=tier=db")).toBe("");
    expect(await said("ls", "-q", "-f", "name=t")).toBe("three\ntwo\n");
    expect(await said("ls", "-q", "-f", "driver=other")).toBe("");
    expect(await said("ls", "--format", "{{.Name}} {{.Links}} {{.Labels}}", "-f", "name=o")).toBe(
      "one 0 tier=web\ntwo 1 \n",
    );
    const lines = (await said("ls", "--format", "json")).trimEnd().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as { Name: string }).Name)).toEqual(["one", "three", "two"]);
    expect((await volume("ls", "-f", "color=red")).stderr).toMatch(/filter color: expected name/);
    expect((await volume("ls", "-f", "dangling=perhaps")).stderr).toMatch(/expected true or false/);
    expect(await said("inspect", "-f", "{{.Name}}={{.Driver}}", "one", "two")).toBe("one=local\ntwo=local\n");
    await host().mdocker(["rm", "user"]);
  });

  test("rm refuses one that a container has, running or not, and says who", async () => {
    await kept("user", "-v", "data:/x");
    const id = (await host().mdocker(["ps", "-aq"])).stdout.trim();
    const refused = await volume("rm", "data");
    expect([refused.code, refused.stderr]).toEqual([1, `mdocker: remove data: volume is in use - [${id}]\n`]);
    await host().mdocker(["rm", "-v", "user"]);
    // It has a name: it stays.
    expect(names()).toEqual(["data"]);
    expect(await said("rm", "data")).toBe("data\n");
    expect(names()).toEqual([]);
    const missing = await volume("rm", "data");
    expect([missing.code, missing.stderr]).toEqual([1, "mdocker: no such volume: data\n"]);
    expect(await said("rm", "-f", "data")).toBe("data\n");
    expect((await volume("rm", "../containers")).code).toBe(1);
  });

  test("without a name goes with a container that goes by itself, stays with one that is kept, until rm -v", async () => {
    const { mdocker } = host();
    const script = "echo x > /data/x; ls /data";
    const run = ["run", "--net", "none", "-v", "/data", "--mount", "type=volume,target=/more"];
    expect((await mdocker([...run, "/bin/sh", "-c", script])).stdout).toBe("x\n");
    expect(names()).toEqual([]);
    const failed = await mdocker([...run, "/bin/no-such"]);
    expect(failed.code).toBe(127);
    expect(names()).toEqual([]);

    await kept("one", "-v", "/data", "-v", "named:/named");
    const anonymous = names().filter((name) => name !== "named");
    expect(anonymous).toHaveLength(1);
    await mdocker(["rm", "one"]);
    expect(names()).toEqual([...anonymous, "named"].sort());
    await kept("two", "-v", "/data", "-v", `${anonymous[0]}:/old`, "-v", "named:/named");
    await kept("three", "-v", `${anonymous[0]}:/old`);
    // Another has one of them too.
    await mdocker(["rm", "-v", "two"]);
    expect(names()).toEqual([...anonymous, "named"].sort());
    await mdocker(["rm", "-v", "three"]);
    expect(names()).toEqual(["named"]);
  });

  test("without a name goes when mdocker is killed, at the latest with gc", async () => {
    const { start, mdocker } = host();
    const running = start([
      "run",
      "--net",
      "none",
      "-v",
      "/data",
      "/bin/sh",
      "-c",
      "echo up; exec sleep 1000",
    ]);
    await running.says(/up/);
    expect(names()).toHaveLength(1);
    running.child.kill("SIGKILL");
    await running.ended;
    await mdocker(["gc"]);
    // The monitor may still have been about to end it.
    for (let round = 0; names().length > 0 && round < 50; round += 1) await mdocker(["gc"]);
    expect(names()).toEqual([]);
  });

  test("prune removes those without a name that nobody has, with -a the others too", async () => {
    await kept("user", "-v", "used:/x", "-v", "/anonymous");
    const used = names();
    await said("create", "--label", "keep=1", "labelled");
    await said("create", "named");
    const anonymous = (await said("create")).trim();
    writeFileSync(join(volumesFolder(), anonymous, "_data/file"), Buffer.alloc(123_000));
    const asked = await host().mdocker(["volume", "prune"], { input: "n\n" });
    expect(asked.stdout).toMatch(/WARNING! This will remove anonymous local volumes/);
    expect(names()).toContain(anonymous);
    expect(await said("prune", "-f")).toBe(
      `Deleted Volumes:\n${anonymous}\n\nTotal reclaimed space: 123kB\n`,
    );
    expect(await said("prune", "-af", "--filter", "label!=keep")).toBe(
      "Deleted Volumes:\nnamed\n\nTotal reclaimed space: 0B\n",
    );
    expect(names()).toEqual([...used, "labelled"].sort());
    expect(await said("prune", "-af", "--filter", "label=keep=1")).toMatch(/^Deleted Volumes:\nlabelled\n/);
    expect(await said("prune", "-f")).toBe("Total reclaimed space: 0B\n");
    await host().mdocker(["rm", "-v", "user"]);
  });

  test("gc takes away what a killed removal has left", async () => {
    const left = join(volumesFolder(), ".data.4194303.removing");
    mkdirSync(join(left, "_data/deep"), { recursive: true });
    expect(await said("ls", "-q")).toBe("");
    expect((await host().mdocker(["gc"])).stdout).toMatch(/removed unfinished .*\.data\.4194303\.removing/);
    expect(names()).toEqual([]);
  });

  test("one that a container made counts as any other", async () => {
    await host().mdocker(["run", "--net", "none", "-v", "made:/x", "/bin/sh", "-c", "echo 1 > /x/y"]);
    expect(await said("ls", "-q")).toBe("made\n");
    expect(await said("inspect", "--format", "{{.CreatedAt}}", "made")).toMatch(/^20/);
    const data = folder();
    await host().mdocker([
      "run",
      "--net",
      "none",
      "-v",
      "made:/x",
      "-v",
      `${data}:/to`,
      "/bin/cp",
      "/x/y",
      "/to",
    ]);
    expect(readFileSync(join(data, "y"), "utf8")).toBe("1\n");
  });
});

describe("an empty volume", () => {
  const stat = "stat -c '%a %u %g' /home/student /tmp; ls -A /home/student";

  test("gets what the image has at its mount point, with owners and modes, once", async () => {
    const at = [
      "-v",
      "home:/home/student",
      "-v",
      "tmp:/tmp",
      "-v",
      "new:/nowhere/else",
      "-v",
      "run:/var/run",
    ];
    const run = (line: string) => host().mdocker(["run", "--net", "none", ...at, "/bin/sh", "-c", line]);
    expect(await run(stat)).toEqual({
      code: 0,
      stdout: "755 1000 1000\n1777 0 0\n.bashrc\n",
      stderr: "",
    });
    // What is in it by now counts.
    expect((await run("rm /home/student/.bashrc; echo mine > /home/student/mine")).code).toBe(0);
    expect((await run(stat)).stdout).toBe("755 1000 1000\n1777 0 0\nmine\n");
    const other = ["run", "--net", "none", "-v", "home:/etc", "/bin/sh", "-c", "ls -A /etc"];
    expect((await host().mdocker(other)).stdout).not.toContain("passwd");
  });

  test("stays empty with nocopy, and is filled by create", async () => {
    const show = ["/bin/ls", "-A", "/home/student"];
    const none = ["run", "--net", "none"];
    const mount = "type=volume,source=none,target=/home/student,volume-nocopy";
    expect((await host().mdocker([...none, "-v", "none:/home/student:nocopy", ...show])).stdout).toBe("");
    expect((await host().mdocker([...none, "--mount", mount, ...show])).stdout).toBe("");
    expect((await host().mdocker([...none, "-v", "/srv:/home/student:nocopy", ...show])).stderr).toMatch(
      /no nocopy for a path of the host/,
    );
    expect(
      (await host().mdocker(["create", "--name", "made", "-v", "late:/home/student", ...show])).code,
    ).toBe(0);
    expect(readdirSync(join(volumesFolder(), "late/_data"))).toEqual([".bashrc"]);
    await host().mdocker(["rm", "made"]);
    await endSupervisor(host().place);
  });
});
