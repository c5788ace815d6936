import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { statFields } from "../../src/sys/process.ts";
import type { Bench } from "./bench.ts";
import { ask, createSleeper, startSupervisor } from "./supervisor.ts";

const count = 200;
/** How long the idle supervisor is watched. */
const idleMs = 10_000;

function residentMib(pid: number): number {
  const text = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(text)?.[1] ?? Number.NaN) / 1024;
}

/** CPU time that a process has had, in milliseconds: utime and stime of proc(5), in ticks of 10 ms. */
function cpuMs(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = statFields(text);
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** What a supervisor costs that keeps many containers and has nothing to do. */
export const crowd: Bench = {
  name: "crowd",
  title: `supervisor with ${count} running containers`,
  run: async (context) => {
    const supervisor = await startSupervisor(context);
    const { socket, pid } = supervisor;
    try {
      const ids: string[] = [];
      for (let i = 0; i < count; i += 1) {
        const id = await createSleeper(socket, "lab");
        await ask(socket, "POST", `/v1.41/containers/${id}/start`);
        ids.push(id);
      }
      await pause(1_000);
      const before = cpuMs(pid);
      await pause(idleMs);
      const percent = ((cpuMs(pid) - before) / idleMs) * 100;
      const resident = residentMib(pid);
      for (const id of ids) await ask(socket, "DELETE", `/v1.41/containers/${id}?force=1`);
      return [
        {
          label: "resident memory",
          value: resident,
          unit: "MiB",
          ratio: { to: "", value: resident, atMost: 150 },
        },
        {
          label: "CPU while idle, percent",
          value: percent,
          unit: "",
          ratio: { to: "", value: percent, atMost: 1 },
        },
      ];
    } finally {
      await supervisor.close();
    }
  },
};
