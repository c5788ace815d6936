import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { TestHost } from "../../harness/host.ts";
import { useHost } from "../../harness/shared-host.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";
import { endSupervisor, supervisorOf } from "../../harness/supervisor.ts";

let host: TestHost;
useHost(
  (made) => {
    host = made;
  },
  async () => {
    await endSupervisor(host.place);
    await expectNothingLeft(host.fresh);
  },
);

/** The most memory that a process has had, in MiB. */
function peakOf(pid: number): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}

test("1 GiB of output is exact through logs -f, and takes no memory", async () => {
  const folder = join(host.place.root, "source");
  await host.hostRun(["sh", "-c", 'mkdir "$1" && mkfifo "$1/fifo"', "sh", folder]);
  const args = [
    "run",
    "-d",
    "--name",
    "big",
    "--net",
    "none",
    "-v",
    `${folder}:/source`,
    "/bin/cat",
    "/source/fifo",
  ];
  expect(await host.mdocker(args)).toMatchObject({ code: 0, stderr: "" });
  const pid = supervisorOf(host.place) ?? 0;
  const before = peakOf(pid);
  // Pseudo-random lines, so that one that is missing, doubled or moved is seen.
  const script = `cd "$1"
"$MDOCKER" logs -f big | sha256sum > got &
openssl enc -aes-128-ctr -nosalt -K 00 -iv 00 -in /dev/zero 2>/dev/null | base64 -w 99 | head -c 1073741824 |
  tee >(sha256sum > want) > fifo
wait
until test -s want; do sleep 0.01; done
cmp got want && "$MDOCKER" logs --tail 3 big | grep -c .`;
  const shown = await host.hostRun(["bash", "-c", script, "bash", folder], { deadline: 400_000 });
  expect(shown.trim()).toBe("3");
  expect(supervisorOf(host.place)).toBe(pid);
  expect(peakOf(pid) - before).toBeLessThan(48);
  expect(await host.mdocker(["rm", "big"])).toMatchObject({ code: 0, stderr: "" });
}, 420_000);
