import { describe, expect, test } from "vitest";
import { execProcess, parseAccounts } from "../../../src/container/exec-process.ts";
import { buildExecProgram, type ExecFacts } from "../../../src/container/exec-program.ts";
import type { ExecRequest } from "../../../src/container/exec-request.ts";
import type { OciProcess } from "../../../src/core/oci.ts";
import { encodeProgram } from "../../../src/program/encode.ts";

const some = ["CAP_CHOWN", "CAP_KILL"];
const own: OciProcess = {
  terminal: true,
  user: { uid: 0, gid: 0, additionalGids: [7], umask: 0o27 },
  args: ["/bin/server"],
  env: ["PATH=/bin", "HOME=/root", "A=1"],
  cwd: "/srv",
  capabilities: { bounding: some, effective: some, permitted: some, inheritable: [], ambient: [] },
  noNewPrivileges: true,
  rlimits: [{ type: "RLIMIT_NOFILE", soft: 10, hard: 20 }],
  oomScoreAdj: 5,
};
const accounts = () =>
  parseAccounts(
    "root:x:0:0::/root:/bin/sh\nweb:x:33:44::/var/www:/bin/sh\n",
    "root:x:0:\nwww:x:44:\nlogs:x:55:web\n",
  );
const request = (changes: Partial<ExecRequest>): ExecRequest => ({
  args: ["/bin/true"],
  env: [],
  terminal: false,
  privileged: false,
  ...changes,
});
const never = () => {
  throw new Error("the accounts are read only for -u");
};

describe("the process of an exec", () => {
  test("is the container's own with another command", () => {
    const { oomScoreAdj: _, ...rest } = own;
    expect(execProcess(own, request({}), never)).toEqual({ ...rest, terminal: false, args: ["/bin/true"] });
  });

  test("another user has its own groups and home, and no capability of root's", () => {
    const { user, env, capabilities } = execProcess(own, request({ user: "web" }), accounts);
    expect(user).toEqual({ uid: 33, gid: 44, additionalGids: [55, 7], umask: 0o27 });
    expect(env).toContain("HOME=/var/www");
    expect(capabilities).toEqual({
      bounding: some,
      effective: [],
      permitted: [],
      inheritable: [],
      ambient: [],
    });
  });

  test("a HOME that was chosen for the container stays", () => {
    const chosen = { ...own, env: ["HOME=/chosen"] };
    expect(execProcess(chosen, request({ user: "web" }), accounts).env).toEqual(["HOME=/chosen"]);
    expect(execProcess(own, request({ user: "web", env: ["HOME=/x"] }), accounts).env).toContain("HOME=/x");
  });

  test("variables: those of the request win; a name alone takes one away", () => {
    const { env } = execProcess(own, request({ env: ["A=2", "PATH", "B=x=y"], terminal: true }), never);
    expect(env).toEqual(["TERM=xterm", "HOME=/root", "A=2", "B=x=y"]);
  });

  test("root in a container of another user has the bounding set, and nothing ambient", () => {
    const web: OciProcess = {
      ...own,
      user: { uid: 33, gid: 44 },
      capabilities: {
        bounding: some,
        effective: ["CAP_KILL"],
        permitted: ["CAP_KILL"],
        inheritable: ["CAP_KILL"],
        ambient: ["CAP_KILL"],
      },
    };
    expect(execProcess(web, request({}), never).capabilities).toEqual(web.capabilities);
    expect(execProcess(web, request({ user: "0" }), accounts).capabilities).toEqual(own.capabilities);
  });

  test.each([
    [{ args: [] }, "no command"],
    [{ args: [""] }, "no command"],
    [{ cwd: "srv" }, "absolute path"],
    [{ user: "nobody" }, "no user nobody"],
    [{ user: "web:nobody" }, "no group nobody"],
  ])("%j is refused", (changes, message) => {
    expect(() => execProcess(own, request(changes), accounts)).toThrow(message);
  });
});

function program(changes: Partial<ExecFacts> = {}) {
  return buildExecProgram({
    id: "e".repeat(64),
    process: execProcess(own, request({ terminal: changes.size !== undefined }), never),
    size: undefined,
    lifetime: "foreground",
    userNamespace: false,
    timeNamespace: false,
    tasks: ["/cg/memory/tasks", "/cg/pids/tasks"],
    cgroupBirth: false,
    oomScoreAdj: undefined,
    seccomp: { filter: new Uint8Array(8), name: "default" },
    ...changes,
  });
}

const texts = (steps: readonly { readonly text: () => string }[]) => steps.map(({ text }) => text());

/** Fails when a pattern is missing, or they come in another order. */
function expectOrder(lines: readonly string[], ...patterns: RegExp[]): void {
  let from = 0;
  for (const pattern of patterns) {
    const at = lines.findIndex((line, i) => i >= from && pattern.test(line));
    expect(at, `${pattern} after step ${from} of\n${lines.join("\n")}`).toBeGreaterThanOrEqual(0);
    from = at + 1;
  }
}

describe("the order of the steps of an exec, which its safety rests on", () => {
  test("not to be dumped before it can be seen; all namespaces before there is a child", () => {
    expectOrder(
      texts(program().parts.launch),
      /PR_SET_DUMPABLE, 0/,
      /cg\/memory\/tasks/,
      /setns\(fd, CLONE_NEWNS\|CLONE_NEWUTS\|CLONE_NEWIPC\|CLONE_NEWPID\|CLONE_NEWNET\)/,
      /clone3/,
      /close\(0\)/,
      /close_range\(11, ~0U, 0\)/,
    );
  });

  test("in its cgroup before anything else, and nothing of the host open before a path is followed", () => {
    const lines = texts(program({ size: { rows: 24, columns: 80 } }).parts.child);
    expect(lines.slice(0, 2)).toEqual(['write(fd, "0", 1)', 'write(fd, "0", 1)']);
    expectOrder(
      lines,
      /setns\(fd, CLONE_NEWCGROUP\)/,
      /close_range\(6, ~0U, 0\)/,
      /openat2\(AT_FDCWD, "\/dev\/pts\/ptmx"/,
      /fstatfs/,
      /DEVPTS_SUPER_MAGIC/,
      /TIOCSWINSZ, \{24, 80\}/,
      /SCM_RIGHTS/,
      /read\(5/,
      /setsid/,
      /TIOCSCTTY/,
      /chdir\("\/srv"\)/,
      /getcwd/,
      /path\[0\] == '\/'/,
      /PR_CAPBSET_DROP/,
      /setgroups/,
      /setresuid/,
      /capset/,
      /PR_SET_NO_NEW_PRIVS|prctl\(.*NO_NEW_PRIVS/,
      /PR_SET_PDEATHSIG/,
      /close_range\(3, ~0U, CLOSE_RANGE_CLOEXEC\)/,
      /seccomp\(/,
      /execve/,
    );
    expect(lines.at(-1)).toMatch(/^execve/);
  });

  test("v2: born in the cgroup", () => {
    const { launch, child } = program({ tasks: [], cgroupBirth: true }).parts;
    expect(texts(launch).join("\n")).toMatch(/clone3\(\{flags=CLONE_INTO_CGROUP/);
    expect(texts(child)[0]).toMatch(/setns\(fd, CLONE_NEWCGROUP\)/);
  });

  test("the child's oom_score_adj is not its monitor's", () => {
    expectOrder(
      texts(program({ oomScoreAdj: { wanted: "500", own: "-17" } }).parts.launch),
      /oom_score_adj/,
      /setns/,
      /write\(fd, "500"/,
      /clone3/,
      /write\(fd, "-17"/,
    );
  });

  test.each([
    ["foreground", true, 2, false],
    ["detached", false, 2, false],
    ["kept", false, 0, true],
  ] as const)(
    "%s: killed on hang-up %s, %i removals, exit record %s",
    (lifetime, kills, removals, record) => {
      const { settings, parts } = program({ lifetime });
      expect(settings.hangupKills).toBe(kills);
      expect(parts.alone.length).toBe(removals);
      expect(settings.record !== undefined).toBe(record);
    },
  );

  test("it can be encoded for both architectures", () => {
    for (const arch of ["x64", "arm64"]) expect(encodeProgram(program(), arch).length).toBeGreaterThan(1000);
  });
});
