import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { outputOf, type Result } from "../../harness/command.ts";
import { sharedHost } from "../../harness/shared-host.ts";
import { background } from "../life/background.ts";

const { host } = sharedHost();

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync("/var/tmp/mdocker-attacks-");
  // A command that is no root's must get in.
  chmodSync(folder, 0o755);
  const source = join(import.meta.dirname, "calls.c");
  await outputOf(["cc", "-static", "-Wall", "-Werror", "-o", join(folder, "calls"), source]);
  writeFileSync(join(folder, "files"), readFileSync(join(import.meta.dirname, "attacks.sh")));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Answers by what was tried. */
function answers({ stdout, code, stderr }: Result): Map<string, string> {
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringMatching(/error/i) });
  return new Map(
    stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.split("\t") as [string, string]),
  );
}

const attack = "/attack/calls -; sh /attack/files";
const flags = (): string[] => ["--net", "none", "-v", `${folder}:/attack:ro`];
const run = async (...more: string[]): Promise<Map<string, string>> =>
  answers(await host().mdocker(["run", ...flags(), ...more, "/bin/sh", "-c", attack]));

const harmless = new Set([
  ...["unshare(FILES)", "clone", "socket(INET)", "socket(UNIX)", "socket(NETLINK)", "personality(query)"],
  // Calls of 32-bit programs, where the kernel has them.
  "32-bit getpid",
]);
/** What is refused by the answer that there is no such thing. */
const unknown = new Set(["clone3", "newer call", "32-bit socketcall(ALG)"]);

function expectRefused(found: ReadonlyMap<string, string>): void {
  expect(found.size).toBeGreaterThan(70);
  const through = [...found].filter(([name, answer]) => {
    if (harmless.has(name)) return false;
    if (name === "x32 getpid") return answer !== "signal 31" && answer !== "ENOSYS";
    if (unknown.has(name)) return answer !== "ENOSYS" && answer !== "EPERM";
    return (
      !["EPERM", "refused", "absent"].includes(answer) && !(name.startsWith("32-bit") && answer === "ENOTSUP")
    );
  });
  expect(through).toEqual([]);
}

describe("what a hostile program tries from inside", () => {
  test("is refused in a container with all defaults", async () => {
    expectRefused(await run());
  });

  test("is refused to a user", async () => {
    expectRefused(await run("--user", "1000:1000"));
  });

  test("is refused to a command executed in it", async () => {
    const first = await background(host(), "victim", "echo ready; sleep 1000", [...flags().slice(2)]);
    const { stdout, stderr, code } = await host().mdocker(["exec", "victim", "/bin/sh", "-c", attack]);
    expectRefused(answers({ stdout, stderr, code }));
    expect((await host().mdocker(["kill", "victim"])).code).toBe(0);
    await first.ended;
  });

  test("and it is the protection that does it: without it, what the kernel has is done", async () => {
    const free = await run("--privileged");
    const refused = [...free].filter(([, answer]) => answer === "EPERM" || answer === "refused");
    // These are refused to everybody: init is not dumpable, but who may trace all may look; and what the kernel lacks.
    const always = new Set(["a mask taken off"]);
    expect(refused.filter(([name]) => !always.has(name))).toEqual([]);
  });

  test.each([
    ["seccomp", ["--security-opt", "seccomp=unconfined"], ["keyctl", "socket(ALG)", "unshare(NEWUSER)"]],
    ["the masks", ["--security-opt", "systempaths=unconfined"], ["interrupts", "core_pattern"]],
    ["the capabilities", ["--cap-add", "SYS_ADMIN"], ["a mount", "a new namespace", "unshare(NEWUTS)"]],
    ["the list of devices", ["--cap-add", "MKNOD", "--device-cgroup-rule", "c 1:1 m"], ["a node of memory"]],
  ])("without %s just that is let through", async (_what, options, names) => {
    const [guarded, without] = [await run(), await run(...options)];
    for (const name of names) {
      expect([name, guarded.get(name)]).not.toEqual([name, "ok"]);
      expect([name, ["EPERM", "refused"].includes(without.get(name) ?? "")]).toEqual([name, false]);
      expect([name, ["EPERM", "refused"].includes(guarded.get(name) ?? "")]).toEqual([name, true]);
    }
  });

  test("ping works all the same", async () => {
    const { code } = await host().mdocker([
      ...["run", "--net", "none", "--user", "1000", "/bin/sh", "-c", "ping -c 1 -W 5 127.0.0.1"],
    ]);
    expect(code).toBe(0);
  });
});

describe("the runtime itself", () => {
  test("cannot be reached through /proc/self/exe (CVE-2019-5736)", async () => {
    const script = `printf '#!/proc/self/exe\\n' > /evil; chmod +x /evil; echo ready; sleep 1000`;
    const first = await background(host(), "evil", script, []);
    const { stderr, code } = await host().mdocker(["exec", "evil", "/evil"]);
    // It is mdocker's own init that runs then: a sealed copy in memory, that does nothing without a program.
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("started by mdocker only") });
    const open =
      "for p in 1 self; do (: >> /proc/$p/exe) 2>/dev/null && echo written; done; cat /proc/1/exe | wc -c";
    const inside = await host().mdocker(["exec", "evil", "/bin/sh", "-c", open]);
    expect(inside.stdout).toBe("0\n");
    expect((await host().mdocker(["kill", "evil"])).code).toBe(0);
    await first.ended;
  });

  test("hands on no descriptor, and no working directory outside (CVE-2024-21626)", async () => {
    const shell = (words: string): string[] => ["bash", "-c", `exec 7</ 8</etc/passwd 9</; ${words}`];
    const list = `/bin/sh -c 'ls -l /proc/self/fd | grep -c -e " [3-9] ->" -e " [0-9][0-9] ->"'`;
    // One of `ls` itself, for the directory that it lists.
    expect((await host().hostRun([...shell(`"$MDOCKER" run --net none ${list} || true`)])).trim()).toBe("1");
    for (const fd of [7, 8, 9, 10, 11, 12]) {
      const words = `"$MDOCKER" run --net none -w /proc/self/fd/${fd} /bin/sh -c 'ls -ld . ..; cat ../etc/hostname' 2>&1; echo "code $?"`;
      expect(await host().hostRun([...shell(words)])).toMatch(/code 2\n$/);
    }
    const first = await background(host(), "leaky", "echo ready; sleep 1000", []);
    expect((await host().hostRun([...shell(`"$MDOCKER" exec leaky ${list} || true`)])).trim()).toBe("1");
    for (const fd of [7, 9, 199, 200, 203]) {
      const words = `"$MDOCKER" exec -w /proc/self/fd/${fd} leaky /bin/pwd 2>&1; echo "code $?"`;
      expect(await host().hostRun([...shell(words)])).toMatch(/code (2|126|127)\n$/);
    }
    expect((await host().mdocker(["kill", "leaky"])).code).toBe(0);
    await first.ended;
  });
});
