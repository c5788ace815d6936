// @vm
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { LimitLog } from "../../../src/container/record.ts";
import { sharedHost } from "../../harness/shared-host.ts";
import { endSupervisor } from "../../harness/supervisor.ts";

const { host } = sharedHost();

/** Does what it is told, in the shell itself. */
const obedient = ["/bin/bash", "-c", 'echo ready; while read -r line; do eval "$line"; done'];

/** Bash itself would wait and try again. */
const tooMany = "/bin/sh -c 'for i in 1 2 3 4 5 6; do sleep 0.1 & done' 2> /dev/null; sleep 0.2\n";

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

describe("whose record cannot be kept", () => {
  const said = /^mdocker: container [^\n]*: what happens to it cannot be kept in its record: [^\n]*$/gm;
  const run = ["run", "-i", "--net", "none", "--pids-limit", "4"];

  function damage(places: readonly string[]): void {
    for (const place of places)
      for (const id of readdirSync(join(place, "containers")))
        writeFileSync(join(place, "containers", id, "record.json"), '{"version":1,"id');
  }

  test.each([
    ["when it begins", false],
    ["while it is watched", true],
  ])("it goes on, and ends as it would have: unreadable %s", async (_when, watched) => {
    const { start, place } = host();
    const front = start([...run, "--name", "front", ...obedient]);
    await front.says(/ready/);
    if (watched) {
      front.child.stdin.write(tooMany);
      await expect.poll(() => logOf("front")).toMatchObject({ counts: { pids_limit: expect.any(Number) } });
    }
    damage([place.root, place.state]);
    // Watching begins in a moment, and tells of refused forks once a second.
    await pause(1_500);
    front.child.stdin.end(`${tooMany}exit 7\n`);
    const { code, stderr } = await front.ended;
    expect({ code, lines: stderr.match(said)?.length, stderr }).toEqual({ code: 7, lines: 1, stderr });
  });

  test("it goes on, and ends as it would have: on a full disk", async () => {
    const { start, place, hostRun } = host();
    const at = join(place.state, "small");
    await hostRun(["sh", "-c", `mkdir -p ${at} && mount -t tmpfs -o size=256k small ${at}`]);
    const front = start(["--state", at, ...run, "--name", "front", ...obedient]);
    await front.says(/ready/);
    await hostRun(["sh", "-c", `cat /dev/zero > ${at}/filler 2> /dev/null || true`]);
    front.child.stdin.write(tooMany);
    await front.says(said);
    front.child.stdin.end("exit 7\n");
    const { code, stderr } = await front.ended;
    expect({ code, lines: stderr.match(said)?.length, stderr }).toEqual({ code: 7, lines: 1, stderr });
    await hostRun(["sh", "-c", `umount ${at} && rmdir ${at}`]);
  });
});
