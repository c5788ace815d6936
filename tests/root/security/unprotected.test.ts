import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Bundle, bundle } from "../../harness/bundle.ts";
import { outputOf, type Result, runCommand } from "../../harness/command.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { sharedHost } from "../../harness/shared-host.ts";
import { background } from "../life/background.ts";

// Attacks that fail elsewhere in this folder, here beside a start without the one thing that makes them fail
// (tests/harness/unprotected.ts): there they succeed, or what refuses them is something else than it seems.

const { host, folder } = sharedHost();
let weak: Bundle;
beforeAll(() => {
  weak = bundle("unprotected");
});
afterAll(() => weak.remove());

/** `mdocker ARGS` without some protections. */
const without = (protections: string, ...args: readonly string[]): Promise<Result> =>
  runCommand([...host().place.enter, process.execPath, weak.path, protections, ...args], { env: host().env });
const run = (...args: readonly string[]): string[] => ["run", "--net", "none", ...args];
const sh = (script: string): string[] => ["/bin/sh", "-c", script];

test("nothing else is changed: a start without no protection is a start", async () => {
  expect(await without("dumpable", ...run("/bin/echo", "hello"))).toEqual({
    code: 0,
    stdout: "hello\n",
    stderr: "",
  });
});

describe("a descriptor that is left open (CVE-2024-21626)", () => {
  // One of `ls` itself, for the directory that it lists.
  const count = sh("ls -l /proc/self/fd | grep -c ' [0-9]* ->'");
  const standard = 4;

  test("is closed on execve, by run and by exec", async () => {
    expect((await host().mdocker(run(...count))).stdout).toBe(`${standard}\n`);
    expect(Number((await without("descriptors", ...run(...count))).stdout)).toBeGreaterThan(standard);
    const first = await background(host(), "leaky", "echo ready; sleep 1000", []);
    expect((await host().mdocker(["exec", "leaky", ...count])).stdout).toBe(`${standard}\n`);
    expect(Number((await without("descriptors", "exec", "leaky", ...count)).stdout)).toBeGreaterThan(
      standard,
    );
    expect((await host().mdocker(["kill", "leaky"])).code).toBe(0);
    await first.ended;
  });

  test("is no way out for the working directory, even if a directory of the host is", async () => {
    const place = folder();
    writeFileSync(join(place, "note"), "of the host\n");
    const script = sh(`cat .${place}/note`);
    const out = { code: 0, stdout: "of the host\n" };
    const tries = async (protections: string): Promise<Result[]> =>
      Promise.all(
        [3, 4, 5, 6].map((fd) => without(protections, ...run("-w", `/proc/self/fd/${fd}`, ...script))),
      );
    const [leaking, unguarded] = [await tries("no-leaks"), await tries("no-leaks,working-directory")];
    expect(leaking.map(({ code }) => code)).toEqual([2, 2, 2, 2]);
    expect(leaking.map(({ stderr }) => stderr).join("")).toMatch(/check the working directory: EPERM/);
    expect(unguarded).toContainEqual(expect.objectContaining(out));
  });
});

test("init's binary cannot be read from inside (CVE-2019-5736)", async () => {
  const size = sh("cat /proc/1/exe | wc -c");
  expect((await host().mdocker(run(...size))).stdout).toBe("0\n");
  expect(Number((await without("dumpable", ...run(...size))).stdout)).toBeGreaterThan(1000);
});

test("masks are made of mdocker's own null device (CVE-2025-31133)", async () => {
  const dev = folder();
  symlinkSync("/proc/sys/kernel/core_pattern", join(dev, "null"));
  const args = run("-v", `${dev}:/dev`, ...sh("stat -c %t:%T /proc/keys; cat /proc/keys"));
  expect((await host().mdocker(args)).stdout).toBe("1:3\n");
  const { stdout } = await without("pinned-null", ...args);
  expect(stdout).toBe(`0:0\n${readFileSync("/proc/sys/kernel/core_pattern", "utf8")}`);
});

/** The default image as a directory of this test's own: its names may be changed, its files are the image's. */
async function ownRoot(): Promise<string> {
  const layers = join(await sharedLabImage(), "layers");
  const [layer = ""] = readdirSync(layers);
  const root = join(mkdtempSync("/var/tmp/mdocker-test-root-"), "root");
  await outputOf(["cp", "-al", join(layers, layer), root]);
  return root;
}

describe("/proc", () => {
  test("that is none is not written to (CVE-2019-19921, CVE-2025-52881)", async () => {
    const fake = folder();
    mkdirSync(join(fake, "sys/net/ipv4"), { recursive: true });
    mkdirSync(join(fake, "self"));
    const file = join(fake, "sys/net/ipv4/ip_forward");
    writeFileSync(file, "");
    const args = run("-v", `${fake}:/proc`, "--sysctl", "net.ipv4.ip_forward=1", "/bin/true");
    expect(await host().mdocker(args)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/nothing may be mounted inside \/proc/),
    });
    expect(readFileSync(file, "utf8")).toBe("");
    expect((await without("procfs", ...args)).code).toBe(0);
    expect(readFileSync(file, "utf8")).toBe("1");
  });

  test("is not mounted on by a link of the image (CVE-2019-16884)", async () => {
    const root = await ownRoot();
    try {
      symlinkSync("/proc", join(root, "volume"));
      const mine = folder();
      writeFileSync(join(mine, "mine"), "");
      const args = run("--rootfs", root, "-v", `${mine}:/volume/tty`, "/bin/ls", "/proc/tty");
      expect(await host().mdocker(args)).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/nothing may be mounted inside \/proc/),
      });
      expect(await without("procfs", ...args)).toMatchObject({ code: 0, stdout: "mine\n" });
    } finally {
      rmSync(join(root, ".."), { recursive: true });
    }
  });

  test("of an image that is a link is refused", async () => {
    const root = await ownRoot();
    try {
      rmSync(join(root, "proc"), { recursive: true, force: true });
      mkdirSync(join(root, "elsewhere"));
      symlinkSync("/elsewhere", join(root, "proc"));
      const args = run("--rootfs", root, "/bin/ls", "/elsewhere/self/status");
      expect(await host().mdocker(args)).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/\/proc of the image must be a directory/),
      });
      const led = await without("real-directories", ...args);
      expect(led).toMatchObject({ code: 0, stdout: "/elsewhere/self/status\n" });
    } finally {
      rmSync(join(root, ".."), { recursive: true });
    }
  });
});

describe("without the limit", () => {
  const many = sh("for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 3 & done; wait; echo all");
  test("of processes all are started (a fork bomb)", async () => {
    expect((await host().mdocker(run("--pids-limit", "8", ...many))).stdout).not.toBe("all\n");
    expect(await host().mdocker(run("--pids-limit", "-1", ...many))).toMatchObject({
      code: 0,
      stdout: "all\n",
    });
  });

  const take = sh("head -c 64m /dev/zero | tail -c 64m | wc -c");
  test("of memory all is had (a memory bomb)", async () => {
    const limit = ["--memory", "24m", "--memory-swap", "24m"];
    expect((await host().mdocker(run(...limit, ...take))).stdout).not.toBe("67108864\n");
    expect(await host().mdocker(run(...take))).toMatchObject({ code: 0, stdout: "67108864\n" });
  });

  const open = [
    "/bin/bash",
    "-c",
    'for i in $(seq 10 60); do eval "exec $i</dev/null" || exit 9; done; echo all',
  ];
  test("of open files all are opened", async () => {
    expect((await host().mdocker(run("--ulimit", "nofile=32", ...open))).stdout).toBe("");
    expect(await host().mdocker(run(...open))).toMatchObject({ code: 0, stdout: "all\n" });
  });
});
