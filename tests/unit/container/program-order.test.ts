import { describe, expect, test } from "vitest";
import { buildProgram, type ProgramFacts } from "../../../src/container/program.ts";
import type { RunRequest } from "../../../src/container/request.ts";
import { buildSpec, type SpecFacts } from "../../../src/container/spec.ts";
import { encodeProgram } from "../../../src/program/encode.ts";
import { facts, request } from "./samples.ts";

function program(
  asked: Partial<RunRequest>,
  about: Partial<SpecFacts> = {},
  more: Partial<ProgramFacts> = {},
) {
  const spec = buildSpec(request({ args: ["/bin/true"], ...asked }), facts(about));
  return buildProgram({
    spec,
    init: asked.init ?? true,
    interactive: asked.interactive ?? false,
    foreground: true,
    overlay: { options: "lowerdir=/l,upperdir=/u,workdir=/w", cwd: undefined },
    cgroupJoin: ["/cg/memory/cgroup.procs", "/cg/pids/cgroup.procs"],
    cgroupBirth: false,
    cgroupMounts: [],
    watch: [],
    traced: false,
    cgroupDirectories: ["/cg/memory"],
    orphanNote: "/run/orphans/x",
    deviceLinks: [],
    optionalSysctls: new Set(),
    isDirectory: () => true,
    ...more,
  });
}

/** Where the steps that match stand, in order; fails when one is missing or they come in another order. */
function expectOrder(steps: readonly { readonly text: () => string }[], ...patterns: RegExp[]): void {
  let from = 0;
  for (const pattern of patterns) {
    const at = steps.slice(from).findIndex(({ text }) => pattern.test(text()));
    expect(
      at,
      `${pattern} after step ${from} of\n${steps.map(({ text }) => text()).join("\n")}`,
    ).toBeGreaterThanOrEqual(0);
    from += at + 1;
  }
}

describe("the order of a child's steps, which its safety rests on", () => {
  test("in its cgroup before anything else; the host's tree gone before the container's mounts", () => {
    const { child } = program({}).parts;
    expect(child[0]?.text()).toContain("/cg/memory/cgroup.procs");
    expectOrder(
      child,
      /cg\/pids/,
      /unshare\(CLONE_NEWCGROUP\)/,
      /mount\("", "\/".*MS_PRIVATE/,
      /"overlay"/,
      /pivot_root/,
      /umount2\("\.", MNT_DETACH\)/,
      /chdir\("\/"\)/,
      /"proc"/,
      /"devpts"/,
      /sethostname/,
      /\/proc\/kcore/,
      /"\/proc\/sys".*MS_RDONLY/,
      /read\(5/,
      /clone3/,
      /capset/,
    );
  });

  test("with very little memory: its root built outside of that limit, each process back in before anything of the image", () => {
    const setUpPlace = { outside: "/cg/memory/ours/tasks", own: "/cg/memory/it/tasks" };
    const { child, command } = program({}, {}, { setUpPlace }).parts;
    expectOrder(
      child,
      /"\/cg\/memory\/cgroup.procs"/,
      /"\/cg\/memory\/ours\/tasks"/,
      /"\/cg\/memory\/it\/tasks"/,
      /unshare\(CLONE_NEWCGROUP\)/,
      /write\(fd, "0", 1\)/,
      /MS_PRIVATE/,
      /clone3/,
      /write\(fd, "0", 1\)/,
      /capset/,
    );
    expectOrder(command, /setresuid/, /write\(fd, "0", 1\)/, /close_range/, /execve/);
    const alone = program({ init: false }, {}, { setUpPlace }).parts.child;
    expectOrder(alone, /MS_PRIVATE/, /setresuid/, /write\(fd, "0", 1\)/, /close_range/, /execve/);
  });

  test("sources are opened while the host is in sight, attached when it is gone", () => {
    const { child } = program({
      mounts: [{ kind: "bind", source: "/src", target: "/dst", readOnly: true, create: false }],
    }).parts;
    expectOrder(
      child,
      /open_tree\(AT_FDCWD, "\/src"/,
      /mount_setattr/,
      /pivot_root/,
      /openat2\(AT_FDCWD, "\/dst"/,
      /PROC_SUPER/,
      /move_mount/,
    );
  });

  test("the command gives up its rights last, and nothing comes between filter and execve", () => {
    const seccomp = { filter: new Uint8Array(16), name: "default" };
    const sets = {
      bounding: ["CAP_KILL"],
      effective: ["CAP_KILL"],
      permitted: ["CAP_KILL"],
      inheritable: [],
      ambient: [],
    };
    const security = { ...facts().security, capabilities: sets };
    const { command } = program(
      { rlimits: [] },
      { security, rlimits: [{ type: "RLIMIT_NOFILE", soft: 1, hard: 2 }] },
      { seccomp },
    ).parts;
    expectOrder(
      command,
      /setsid/,
      /chdir/,
      /getcwd/,
      /prlimit64/,
      /PR_CAPBSET_DROP/,
      /PR_SET_KEEPCAPS, 1/,
      /setgroups/,
      /setresgid/,
      /setresuid/,
      /capset/,
      /PR_SET_NO_NEW_PRIVS/,
      /close_range\(3/,
      /SECCOMP_SET_MODE_FILTER/,
      /execve/,
    );
    expect(command.at(-2)?.text()).toContain("SECCOMP_SET_MODE_FILTER");
    expect(command.at(-1)?.text()).toContain("execve");
  });

  test("without no_new_privs the filter is set while there is the right to", () => {
    const seccomp = { filter: new Uint8Array(16), name: "default" };
    const security = { ...facts().security, noNewPrivileges: false };
    const { command } = program({}, { security }, { seccomp }).parts;
    expectOrder(command, /SECCOMP_SET_MODE_FILTER/, /setresuid/, /execve/);
  });

  test("without init the child itself becomes the command", () => {
    const { child, command } = program({ init: false }).parts;
    expect(command).toEqual([]);
    expect(child.at(-1)?.text()).toContain("execve");
    expect(child.some(({ text }) => text().startsWith("clone3"))).toBe(false);
  });

  test("a terminal is opened inside, handed out, and taken by the command", () => {
    const { child, command } = program({ terminal: true, interactive: true }).parts;
    expectOrder(
      child,
      /"devpts"/,
      /\/dev\/pts\/ptmx/,
      /TIOCGPTPEER/,
      /\/dev\/console/,
      /SCM_RIGHTS/,
      /read\(5/,
    );
    expectOrder(command, /setsid/, /dup3\(201, 0/, /dup3\(201, 2/, /TIOCSCTTY/, /execve/);
  });

  test("without init the terminal is taken by the child, which becomes the command", () => {
    const { child, command } = program({ terminal: true, interactive: true, init: false }).parts;
    expect(command).toEqual([]);
    expectOrder(child, /read\(5/, /setsid/, /dup3\(201, 0/, /dup3\(201, 2/, /TIOCSCTTY/, /execve/);
  });

  test("a command without a slash is looked for along the container's PATH", () => {
    const { command } = program({ args: ["ls"], env: ["PATH=/a:/b"] }).parts;
    const tries = command.filter(({ call }) => call === "execve");
    expect(tries.map(({ text, tolerate }) => [text().slice(0, 15), tolerate?.length])).toEqual([
      ['execve("/a/ls",', 3],
      ['execve("/b/ls",', 0],
    ]);
  });

  test("every program can be encoded", () => {
    for (const asked of [
      {},
      { terminal: true },
      { init: false },
      { readOnlyRoot: true },
      { oomScoreAdj: 5 },
    ]) {
      expect(encodeProgram(program(asked)).length).toBeGreaterThan(1000);
    }
  });
});
