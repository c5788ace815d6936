import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ContainerRecord } from "../../src/container/record.ts";
import { startCommand } from "../../tests/harness/command.ts";
import type { Bench } from "./bench.ts";

function residentKib(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? Number.NaN);
}

/** What stays in memory for an idle container besides its own command. */
export const memory: Bench = {
  name: "memory",
  title: "resident memory for one idle container",
  run: async ({ program, env, instance }) => {
    const script = "echo ready; exec sleep infinity";
    const running = startCommand([program, "run", "--net", "bridge", "--rm", "/bin/bash", "-c", script], {
      env,
    });
    await running.says(/ready/);
    const containers = join(instance.root, "containers");
    const [id = "none"] = readdirSync(containers).filter((name) => /^[0-9a-f]{64}$/.test(name));
    const record = JSON.parse(readFileSync(join(containers, id, "record.json"), "utf8")) as ContainerRecord;
    const init = residentKib(record.init?.pid ?? 0);
    const monitor = residentKib(record.monitor?.pid ?? 0);
    running.child.kill("SIGTERM");
    await running.ended;
    return [
      { label: "init", value: init, unit: "KiB" },
      { label: "monitor", value: monitor, unit: "KiB" },
      {
        label: "both",
        value: init + monitor,
        unit: "KiB",
        ratio: { to: "", value: init + monitor, atMost: 128 },
      },
    ];
  },
};
