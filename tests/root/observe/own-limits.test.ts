// @vm
import { expect, test } from "vitest";
import type { LimitLog } from "../../../src/container/record.ts";
import { sharedHost } from "../../harness/shared-host.ts";
import { endSupervisor } from "../../harness/supervisor.ts";

const { host } = sharedHost();

/** Does what it is told, in the shell itself. */
const obedient = ["/bin/bash", "-c", 'echo ready; while read -r line; do eval "$line"; done'];

async function logOf(name: string): Promise<LimitLog | undefined> {
  const { stdout } = await host().mdocker(["inspect", "-f", "{{json .limitEvents}}", name]);
  return (JSON.parse(stdout || "null") ?? undefined) as LimitLog | undefined;
}

test("of a container in the foreground the same is told as of a detached one", async () => {
  const limits = ["-m", "48m", "--memory-swap", "48m", "--memory-reservation", "24m", "--pids-limit", "4"];
  const run = host().start([
    ...["run", "-i", "--keep", "--name", "front", "--net", "none", ...limits, ...obedient],
  ]);
  await run.says(/ready/);
  const { stdin } = run.child;
  // Without a supervisor it is known of the container alone.
  // Bash itself would wait and try again.
  const tooMany = "/bin/sh -c 'for i in 1 2 3 4 5 6; do sleep 0.1 & done' 2> /dev/null; sleep 0.2\n";
  stdin.write(tooMany);
  await expect.poll(() => logOf("front")).toMatchObject({ counts: { pids_limit: expect.any(Number) } });
  const events = host().start(["events", "--filter", "container=front", "--format", "{{json .}}"]);
  // Nobody knows when the supervisor that this has started listens: until then it is tried again.
  await expect
    .poll(
      () => {
        stdin.write(tooMany);
        return events.output();
      },
      { interval: 1000 },
    )
    .toMatch(/"Action":"pids_limit".*"refused":"\d+"/);
  stdin.write("tail /dev/zero > /dev/null\n");
  await events.says(/"Action":"soft_limit"/);
  await events.says(/"Action":"oom"/);
  // A limit that it gets while it runs is watched, too.
  expect(await host().mdocker(["update", "--cpus", "0.3", "front"])).toMatchObject({ code: 0, stderr: "" });
  stdin.write("while :; do :; done\n");
  await events.says(/"Action":"throttled"/);
  const { counts, last } = (await logOf("front")) ?? { counts: {}, last: [] };
  for (const kind of ["soft_limit", "oom", "throttled"]) expect(counts[kind], kind).toBeGreaterThan(0);
  expect(last.find(({ action }) => action === "soft_limit")?.attributes).toMatchObject({
    ...{ limit: String(24 << 20), process: "tail" },
  });
  expect(last.find(({ action }) => action === "throttled")?.attributes).toMatchObject({ resource: "cpu" });
  const { stdout } = await host().mdocker(["limits", "front"]);
  expect(stdout).toMatch(/^memory kept for it .* \d+ times crossed/m);
  expect(await host().mdocker(["kill", "front"])).toMatchObject({ code: 0 });
  const { stderr } = await run.ended;
  // What else happened is known without a word of ours among the command's.
  const ours = stderr.match(/^mdocker: [^:]*/gm);
  expect(new Set(ours)).toEqual(new Set(["mdocker: soft limit", "mdocker: out of memory"]));
  // What was known of it stays known.
  expect(Object.keys((await logOf("front"))?.counts ?? {})).toEqual(
    expect.arrayContaining(Object.keys(counts)),
  );
  events.child.kill("SIGINT");
  await events.ended;
  await host().mdocker(["rm", "front"]);
  await endSupervisor(host().place);
});
