// @vm
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sharedHost } from "../../harness/shared-host.ts";
import { endSupervisor } from "../../harness/supervisor.ts";

// Every process that watches files takes one of these, and hosts run out of them: then nobody can be told, and looks.
const instances = "/proc/sys/fs/inotify/max_user_instances";
const usual = readFileSync(instances, "utf8");

const { host } = sharedHost();
beforeAll(() => writeFileSync(instances, "0"));
afterAll(() => writeFileSync(instances, usual));

const obedient = ["/bin/bash", "-c", 'echo ready; while read -r line; do eval "$line"; done'];

test("in the foreground limits are watched all the same, and updates are seen", async () => {
  const flags = ["run", "-i", "--keep", "--name", "front", "--net", "none", "--pids-limit", "4"];
  const run = host().start([...flags, ...obedient]);
  await run.says(/ready/);
  run.child.stdin.write("/bin/sh -c 'for i in 1 2 3 4 5 6; do sleep 0.1 & done' 2> /dev/null\n");
  const log = async (): Promise<string> =>
    (await host().mdocker(["inspect", "-f", "{{json .limitEvents}}", "front"])).stdout;
  await expect.poll(log, { timeout: 20_000 }).toContain('"pids_limit"');
  expect(await host().mdocker(["update", "--cpus", "0.2", "front"])).toMatchObject({ code: 0, stderr: "" });
  run.child.stdin.write("while :; do :; done\n");
  await expect.poll(log, { timeout: 30_000 }).toContain('"throttled"');
  expect(await host().mdocker(["kill", "front"])).toMatchObject({ code: 0 });
  expect(await run.ended).toMatchObject({ code: 137, stderr: expect.not.stringContaining("watched") });
  expect(await host().mdocker(["rm", "front"])).toMatchObject({ code: 0 });
});

test("detached containers are waited for, their logs followed, and their names answered", async () => {
  const { mdocker, start } = host();
  const line = "echo begun; read -r line; echo done; exit 3";
  expect(
    await mdocker(["run", "-d", "-i", "--name", "back", "--network-alias", "friend", "/bin/sh", "-c", line]),
  ).toMatchObject({ code: 0, stderr: "" });
  const logs = start(["logs", "-f", "back"]);
  await logs.says(/begun/);
  const waiting = start(["wait", "back"]);
  // A new network is seen within two seconds.
  const ask = ["run", "/bin/dig", "+short", "+tries=1", "+time=5", "friend"];
  await expect
    .poll(async () => (await mdocker(ask)).stdout, { timeout: 20_000 })
    .toMatch(/^10\.200\.1\.\d+\n$/);
  expect(await mdocker(["kill", "back"])).toMatchObject({ code: 0 });
  expect(await waiting.ended).toMatchObject({ code: 0, stdout: "137\n", stderr: "" });
  expect(await logs.ended).toMatchObject({ stdout: "begun\n", stderr: "" });
  expect(await mdocker(["rm", "back"])).toMatchObject({ code: 0 });
  await endSupervisor(host().place);
});
