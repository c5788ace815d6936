import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { detectCgroups } from "../../cgroup/host.ts";
import { runOptions } from "../../src/cli/run-options.ts";
import type { PlannedAction } from "../../src/core/explain.ts";
import { home } from "../../src/core/home.ts";
import { type Result, runCommand } from "../harness/command.ts";
import { makeTestHost, type TestHost } from "../harness/host.ts";
import { sharedLabImage } from "../harness/lab-image.ts";
import { expectNothingLeft } from "../harness/snapshot.ts";

let host: TestHost;
let close: () => Promise<void>;
let folder: string;
beforeAll(async () => {
  ({ host, close } = await makeTestHost({ image: await sharedLabImage() }));
  folder = mkdtempSync(join(tmpdir(), "mdocker-cli-"));
});
afterAll(async () => {
  try {
    await expectNothingLeft(host.fresh);
  } finally {
    await close();
    rmSync(folder, { recursive: true });
  }
});

/** mdocker as user nobody, whose capabilities are gone with the user id. */
function unprivileged(args: readonly string[]): Promise<Result> {
  const drop = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"];
  return runCommand([...drop, join(home, "bin/mdocker"), ...args], {
    env: { PATH: process.env["PATH"], MDOCKER_ROOT: "/nonexistent/mdocker", XDG_RUNTIME_DIR: "/nonexistent" },
  });
}

describe("without root", () => {
  test("run says in one line what it needs", async () => {
    const { code, stdout, stderr } = await unprivileged(["run", "/bin/true"]);
    expect(stderr).toMatch(/^mdocker: run needs root: try sudo mdocker run .*; rootless: .*\n$/);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  test.each(["--help", "run --help", "version", "--version", "completion bash", "man"])(
    "%s works",
    async (line) => {
      expect(await unprivileged(line.split(" "))).toMatchObject({
        code: 0,
        stderr: "",
        stdout: expect.stringMatching(/mdocker/),
      });
    },
  );

  test("run --explain of what belongs to root says what to do", async () => {
    const { code, stderr } = await unprivileged(["--root", host.place.root, "run", "--explain", "/bin/true"]);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringMatching(/^mdocker: run --explain: EACCES[^\n]*: try sudo, or --root [^\n]*\n$/),
    });
  });

  test("run --explain of a directory works, and does nothing", async () => {
    const { code, stdout } = await unprivileged([
      "run",
      "--explain",
      "--json",
      "--rootfs",
      "/",
      "--net",
      "none",
      "/bin/true",
    ]);
    expect(code).toBe(0);
    const actions = JSON.parse(stdout) as PlannedAction[];
    expect(actions.some(({ text }) => text.startsWith("execve("))).toBe(true);
    for (const { reason } of actions) expect(reason).not.toBe("");
  });
});

describe("the command line", () => {
  test("wrong usage is one line and exit code 1", async () => {
    const cases = [
      ["run", "--memmory", "1m", "/bin/true"],
      ["rnu"],
      ["run", "-m", "x", "/bin/true"],
      ["ps", "-x"],
      ["inspect"],
    ];
    for (const args of cases) {
      const { code, stdout, stderr } = await host.mdocker(args);
      expect(stderr).toMatch(/^mdocker: [^\n]+\n$/);
      expect({ args, code, stdout }).toEqual({ args, code: 1, stdout: "" });
    }
  });

  test("help names every option of run", async () => {
    const { stdout } = await host.mdocker(["run", "--help"]);
    for (const { rows } of runOptions) for (const { flags } of rows) expect(stdout).toContain(flags);
  });

  test("help for a pipe that nobody reads ends quietly", async () => {
    const text = await host.hostRun(["bash", "-c", '"$MDOCKER" man | head -n 1']);
    expect(text).toBe('.\\" made by: mdocker man\n');
  });

  test("the man page is good roff", async () => {
    const { stdout } = await host.mdocker(["man"]);
    const rendered = await runCommand(["groff", "-man", "-ww", "-Tutf8"], {
      input: stdout,
      env: { PATH: process.env["PATH"] },
    });
    expect(rendered).toMatchObject({ code: 0, stderr: "" });
    expect(rendered.stdout).toContain("NAME");
  });

  test("doctor finds this host fit, and says so as JSON too", async () => {
    const plain = await host.mdocker(["doctor"]);
    expect(plain.stdout).toMatch(/^ok {3}image lab: sha256:/m);
    expect(plain.stdout).toMatch(
      /^info limits: v[12]: cannot be enforced: .*(--memory-high|--oom-kill-disable)/m,
    );
    expect(plain.stdout).not.toMatch(/^FAIL/m);
    expect(plain.code).toBe(0);
    const { stdout } = await host.mdocker(["doctor", "--json"]);
    const names = (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining(["kernel", "overlay", "cgroups", "libmnl", "libseccomp", "iptables", "init"]),
    );
  });

  test("--help of a command shows its options", async () => {
    for (const [command, option] of [
      ["exec", "--workdir"],
      ["update", "--memory-high"],
      ["run", "--cgroup-conf"],
    ] as const)
      expect((await host.mdocker([command, "--help"])).stdout).toMatch(new RegExp(`^ .*${option} `, "m"));
  });

  test("info counts", async () => {
    const { stdout } = await host.mdocker(["info", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ containers: 0, images: 1, root: host.place.root });
    const flag = detectCgroups().driver === "v1" ? "--memory-high" : "--memory-swappiness";
    expect((JSON.parse(stdout) as { unenforced: string }).unenforced).toContain(flag);
  });
});

describe("containers", () => {
  test("one that runs: ps, inspect, rm refused, kill", async () => {
    const running = host.start([
      "run",
      "--name",
      "one",
      "--net",
      "none",
      "-l",
      "a=b",
      "/bin/sh",
      "-c",
      "echo up; exec sleep 1000",
    ]);
    await running.says(/^up$/m);
    const { stdout } = await host.mdocker([
      "ps",
      "--format",
      "{{.Names}} {{.State}} {{.Networks}} {{.Labels}}",
    ]);
    expect(stdout).toBe("one running none a=b\n");
    const inspected = await host.mdocker(["inspect", "one"]);
    expect(JSON.parse(inspected.stdout)).toMatchObject([
      {
        name: "one",
        state: "running",
        spec: { ociVersion: "1.2.0", process: { args: ["/bin/sh", "-c", "echo up; exec sleep 1000"] } },
      },
    ]);
    const refused = await host.mdocker(["rm", "one"]);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("container one is running") });
    expect(await host.mdocker(["kill", "-s", "TERM", "one"])).toMatchObject({ code: 0, stdout: "one\n" });
    expect((await running.ended).code).toBe(143);
    expect((await host.mdocker(["ps", "-aq"])).stdout).toBe("");
  });

  test("one that is kept: ps -a, inspect, rm", async () => {
    expect(
      (await host.mdocker(["run", "--keep", "--name", "two", "--net", "none", "/bin/sh", "-c", "exit 3"]))
        .code,
    ).toBe(3);
    expect((await host.mdocker(["ps", "-q"])).stdout).toBe("");
    expect((await host.mdocker(["ps", "-a", "-f", "exited=3", "--format", "{{.Names}}"])).stdout).toBe(
      "two\n",
    );
    expect((await host.mdocker(["inspect", "-f", "{{.exit.code}}", "two"])).stdout).toBe("3\n");
    const both = await host.mdocker(["rm", "none-such", "two"]);
    expect(both).toMatchObject({
      code: 1,
      stdout: "two\n",
      stderr: "mdocker: no such container: none-such\n",
    });
    expect((await host.mdocker(["ps", "-aq"])).stdout).toBe("");
  });

  test("a config file, with flags on top", async () => {
    const file = join(folder, "run.yaml");
    writeFileSync(
      file,
      "image: lab\nhostname: from-file\nnetwork: none\nenv: {A: file, B: file}\nvolumes: [.:/conf:ro]\ncommand: sh -c 'echo $HOSTNAME $A $B; cat /conf/run.yaml'\n",
    );
    const { stdout, code } = await host.mdocker(["run", "--config", file, "-e", "A=flag"]);
    expect({ stdout, code }).toEqual({
      code: 0,
      stdout: `from-file flag file\n${readFileSync(file, "utf8")}`,
    });
  });

  test("a trace goes to stderr, and the output of the command stays its own", async () => {
    const args = ["--net", "none", "/bin/echo", "out"];
    const text = await host.mdocker(["run", "--trace-setup", ...args]);
    expect(text).toMatchObject({ code: 0, stdout: "out\n" });
    expect(text.stderr).toMatch(/^ +\d+ +[\d.]+m?s {2}\w+ +\S/m);
    const json = await host.mdocker(["run", "--trace-setup", "--json", ...args]);
    expect(json).toMatchObject({ code: 0, stdout: "out\n" });
    expect((JSON.parse(json.stderr) as unknown[]).length).toBeGreaterThan(0);
  });

  test("--explain of the default image does nothing", async () => {
    const { code, stdout } = await host.mdocker(["run", "--explain", "/bin/true"]);
    expect(code).toBe(0);
    expect(stdout).toContain("pivot_root");
    expect(stdout).toContain("RTM_NEWLINK");
    expect(stdout).toContain("iptables");
    await expectNothingLeft(host.fresh);
  });
});
