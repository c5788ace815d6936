import { readFileSync } from "node:fs";
import type { ContainerRecord } from "../../src/container/record.ts";
import { outputOf, startCommand } from "../../tests/harness/command.ts";
import type { Bench } from "./bench.ts";

/** VmRSS of a process, from /proc/PID/status. */
function residentKib(pid: number | undefined): number {
  if (pid === undefined) return Number.NaN;
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? Number.NaN);
}

/** What stays in memory for an idle container besides its own command. */
export const memory: Bench = {
  name: "memory",
  title: "resident memory for one idle container",
  run: async ({ program, env }) => {
    const script = "echo ready; exec sleep infinity";
    const run = [program, "run", "--name", "idle", "--net", "bridge", "--rm", "/bin/bash", "-c", script];
    const running = startCommand(run, { env });
    try {
      await running.says(/ready/);
      const text = await outputOf([program, "inspect", "idle"], { env });
      const [record] = JSON.parse(text) as ContainerRecord[];
      const init = residentKib(record?.init?.pid);
      const monitor = residentKib(record?.monitor?.pid);
      const both = init + monitor;
      return [
        { label: "init", value: init, unit: "KiB" },
        { label: "monitor", value: monitor, unit: "KiB" },
        { label: "both", value: both, unit: "KiB", ratio: { to: "", value: both, atMost: 128 } },
      ];
    } finally {
      running.child.kill("SIGTERM");
      await running.ended;
    }
  },
};
