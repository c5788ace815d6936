import { expect, test } from "vitest";
import type { Running } from "../../harness/command.ts";
import { sharedHost } from "../../harness/shared-host.ts";

const { host } = sharedHost();

/** A container that says `ready` before it does what is asked. */
async function container(name: string, options: readonly string[], script: string): Promise<Running> {
  const run = host().start(["run", "--name", name, ...options, "/bin/sh", "-c", script]);
  await run.says(/ready/);
  return run;
}

async function end(name: string, run: Running): Promise<void> {
  expect(await host().mdocker(["kill", name])).toMatchObject({ code: 0 });
  await run.ended;
}

const once = async (...args: readonly string[]) => {
  const { code, stdout, stderr } = await host().mdocker(["stats", "--no-stream", ...args]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
};

test("CPU within its quota, memory against its limit, processes and traffic", async () => {
  const script =
    "ping -qc 3 -i 0.2 -s 1000 10.200.1.1; head -c 20000000 /dev/zero > /dev/shm/x; echo ready; while :; do :; done";
  const run = await container("busy", ["--memory", "64m", "--cpus", "0.5"], script);
  const row = JSON.parse(await once("--format", "json", "busy")) as Record<string, string>;
  expect(row).toMatchObject({ Name: "busy", PIDs: "2" });
  const cpu = Number.parseFloat(row["CPUPerc"] ?? "");
  expect(cpu).toBeGreaterThan(1);
  expect(cpu).toBeLessThan(75);
  expect(row["MemUsage"]).toMatch(/^[12]\d(\.\d+)?MiB \/ 64MiB$/);
  const [received = 0, sent = 0] = (row["NetIO"] ?? "").split(" / ").map(Number.parseFloat);
  expect(row["NetIO"]).toMatch(/kB \/ .*kB/);
  expect(Math.min(received, sent)).toBeGreaterThan(3);

  const [heading, line] = (await once()).split("\n");
  // On a slow machine its quota has been used up for long enough to be told by now.
  expect(heading).toMatch(
    /^CONTAINER ID {3}NAME +CPU % +MEM USAGE \/ LIMIT +MEM % +NET I\/O +BLOCK I\/O +PIDS( +LIMITS HIT)?$/,
  );
  expect(line).toMatch(/^[0-9a-f]{12} {3}busy /);
  expect(await once("--format", "table {{.Name}}\\t{{.PIDs}}", "busy")).toBe("NAME   PIDS\nbusy   2\n");
  expect(await once("--no-trunc", "--format", "{{.ID}}")).toMatch(/^[0-9a-f]{64}\n$/);
  await end("busy", run);
});

test("where no limit was hit, the columns are docker's", async () => {
  const run = await container("calm", ["--net", "none"], "echo ready; exec sleep 1000");
  const [heading, line] = (await once()).split("\n");
  expect(heading).toMatch(
    /^CONTAINER ID {3}NAME +CPU % +MEM USAGE \/ LIMIT +MEM % +NET I\/O +BLOCK I\/O +PIDS$/,
  );
  expect(line).toMatch(/^[0-9a-f]{12} {3}calm /);
  await end("calm", run);
});

test("it ends by itself when those it was asked about have ended", async () => {
  const run = await container("brief", ["--net", "none"], "echo ready; exec sleep 1000");
  const stats = host().start(["stats", "brief"]);
  await stats.says(/brief .*\n[\s\S]*brief /);
  await end("brief", run);
  expect(await stats.ended).toMatchObject({ code: 0, stderr: "" });
});

test("on a terminal a live table with bars; Ctrl-C ends it and gives the cursor back", async () => {
  const run = await container("live", ["--net", "none"], "echo ready; exec sleep 1000");
  const stats = host().terminal(["stats"]);
  // Drawn twice: the second picture goes where the first one was.
  await stats.says(/\x1b\[\?25l[\s\S]*live .*·[\s\S]*\x1b\[1A[\s\S]*live .*·/);
  stats.child.stdin.write("\x03");
  const { code, stdout } = await stats.ended;
  expect(code).toBe(0);
  expect(stdout).toMatch(/\x1b\[\?25h$/);
  await end("live", run);
});

test("what does not run: only with -a, or by its name; what is not there is an error", async () => {
  expect(
    await host().mdocker(["run", "--keep", "--net", "none", "--name", "done", "/bin/true"]),
  ).toMatchObject({
    code: 0,
  });
  expect(await once("--format", "{{.Name}}")).toBe("");
  expect(await once("--format", "{{.Name}} {{.CPUPerc}}", "-a")).toBe("done --\n");
  const { code, stderr } = await host().mdocker(["stats", "--no-stream", "nobody"]);
  expect({ code, stderr }).toEqual({ code: 1, stderr: "mdocker: no such container: nobody\n" });
  expect(await host().mdocker(["rm", "done"])).toMatchObject({ code: 0 });
});
