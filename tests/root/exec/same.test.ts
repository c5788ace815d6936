// @vm
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { execHost } from "../../harness/exec-host.ts";

const { host, run, end, inspect, execs } = execHost();

const fields = [
  ...["Umask", "Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs"],
  ...["Seccomp", "Seccomp_filters"],
];

/** What a process may do and where it is, as the host sees it. */
function about(pid: number): Record<string, unknown> {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const root = statSync(`/proc/${pid}/root/.`);
  return {
    ...Object.fromEntries(fields.map((name) => [name, new RegExp(`^${name}:(.*)$`, "m").exec(status)?.[1]])),
    namespaces: readdirSync(`/proc/${pid}/ns`).map((name) => readlinkSync(`/proc/${pid}/ns/${name}`)),
    cgroup: readFileSync(`/proc/${pid}/cgroup`, "utf8"),
    limits: readFileSync(`/proc/${pid}/limits`, "utf8"),
    oom: readFileSync(`/proc/${pid}/oom_score_adj`, "utf8"),
    root: [root.dev, root.ino],
    cwd: readlinkSync(`/proc/${pid}/cwd`),
    environment: readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").sort(),
    // SigBlk, SigIgn and SigCgt: nothing of ours is inherited.
    signals: /^SigBlk[\s\S]*?SigCgt.*$/m.exec(status)?.[0],
    nice: readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ").slice(15, 17),
  };
}

/** The container's command, as the host numbers it: the only child of pid 1, or pid 1 itself. */
function commandOf(init: number): number {
  const [child] = readFileSync(`/proc/${init}/task/${init}/children`, "utf8").trim().split(" ");
  return child === undefined || child === "" ? init : Number(child);
}

const profile = {
  defaultAction: "SCMP_ACT_ALLOW",
  syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 38 }],
};

const kinds: readonly (readonly string[])[] = [
  [],
  ["--init=false"],
  ["--user", "student", "--group-add", "4", "--workdir", "/home/student"],
  ["--user", "student", "--cap-add", "NET_RAW"],
  ["--privileged"],
  ["--cap-drop", "ALL", "--cap-add", "NET_BIND_SERVICE"],
  ["--ulimit", "nofile=100:200", "--ulimit", "core=0", "--oom-score-adj", "500", "--umask", "077"],
  ["--security-opt", "no-new-privileges=false"],
  ["--security-opt", "seccomp=unconfined"],
  ["--network", "host"],
  ["--network", "bridge"],
  ["--read-only", "--tmpfs", "/tmp", "-v", "/usr:/usr-of-host:ro", "--hostname", "other", "-e", "A=b c"],
  ["-m", "64m", "--pids-limit", "50", "--cpus", "0.5"],
];

test.each(kinds.map((flags) => [flags.join(" ") || "no flag", flags] as const))(
  "a command executed in a container with %s is what its own command is",
  async (_, flags) => {
    const container = await run("same", flags);
    const { id, init } = await inspect("same");
    const running = host().start(["exec", "same", "/bin/sh", "-c", "echo here; exec sleep 1000"]);
    await running.says(/here/);
    const [record] = execs(id);
    const pid = record?.process.pid ?? 0;
    const command = commandOf(init?.pid ?? 0);
    // The shell has said its word before it becomes what is compared.
    for (const one of [command, pid])
      await expect.poll(() => readFileSync(`/proc/${one}/comm`, "utf8")).toBe("sleep\n");
    const [own, other] = [about(command), about(pid)];
    expect(other).toEqual(own);
    expect(other["namespaces"]).toEqual(about(init?.pid ?? 0)["namespaces"]);
    // Its loader may still have a library open.
    await expect.poll(() => readdirSync(`/proc/${pid}/fd`)).toEqual(["0", "1", "2"]);
    await end("same", container);
    // It ends with the container.
    expect((await running.ended).code).toBe(137);
  },
);

test("a profile of the user's own is the very one that the container was started with", async () => {
  const file = join(host().place.root, "profile.json");
  await host().hostRun(["sh", "-c", `printf %s '${JSON.stringify(profile)}' > ${file}`]);
  const container = await run("own", ["--security-opt", `seccomp=${file}`]);
  await host().hostRun(["rm", file]);
  const { stderr, code } = await host().mdocker(["exec", "own", "/bin/mkdir", "/new"]);
  expect({ stderr, code }).toEqual({
    stderr: expect.stringContaining("Function not implemented") as string,
    code: 1,
  });
  await end("own", container);
});

test("limits and oom_score_adj are those of whoever ran the container, not of whoever executes", async () => {
  const container = host().start([
    ...["run", "--name", "limits", "--network", "none", "/bin/sh", "-c", "echo ready; exec sleep 1000"],
  ]);
  await container.says(/ready/);
  const line =
    'ulimit -n 99; ulimit -c 0; echo 700 > /proc/self/oom_score_adj; exec "$MDOCKER" exec limits /bin/sh -c ' +
    '"cat /proc/self/oom_score_adj; ulimit -n; ulimit -c"';
  const own = `${readFileSync("/proc/self/oom_score_adj", "utf8").trim()}\n`;
  // ulimit lowers the hard limit too, and only CAP_SYS_RESOURCE can raise that again.
  const canRaise =
    (BigInt(`0x${/CapEff:\s*(\w+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]}`) >> 24n) & 1n;
  const said = await host().hostRun(["bash", "-c", line]);
  expect(said.startsWith(own)).toBe(true);
  const limits = readFileSync(`/proc/${(await inspect("limits")).init?.pid}/limits`, "utf8");
  const files = /^Max open files +(\d+)/m.exec(limits)?.[1];
  expect(said.split("\n")[1]).toBe(canRaise === 1n ? files : "99");
  await end("limits", container);
});

test("the network of another container, joined by name", async () => {
  const first = await run("first", ["--network", "bridge"]);
  const second = await run("second", ["--network", "container:first"]);
  const addresses = async (name: string) =>
    (await host().mdocker(["exec", name, "/bin/ip", "-brief", "address", "show", "eth0"])).stdout;
  expect(await addresses("second")).toMatch(/^eth0@\S+ +UP +10\.200\./);
  expect(await addresses("second")).toBe(await addresses("first"));
  await end("second", second);
  await end("first", first);
});
