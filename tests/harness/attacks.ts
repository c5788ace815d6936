import { builtFile } from "../../src/core/home.ts";
import { type CommandOptions, type Running, startCommand } from "./command.ts";

/** What a container does to those beside it, and the limits that are to keep it from that. */
export interface Attack {
  readonly name: "memory bomb" | "fork bomb" | "cpu hog" | "disk hog";
  readonly flags: readonly string[];
  /** What init/load.c is told. */
  readonly load: readonly string[];
}

/** Equal weights: without any, on cgroup v1, each process of the attack weighs as much as its neighbour. */
const weight = ["--cpu-shares", "1024"];
/** Where there is one CPU only, a weight alone leaves half of all wake-ups to find somebody else running. */
const share = [...weight, "--cpus", "0.25"];

/** The attacks. Each has the limit that it runs against, a quarter of a CPU, and a weight like its neighbours'. */
export const attacks: readonly Attack[] = [
  {
    name: "memory bomb",
    flags: [...share, "--memory", "32m", "--memory-swap", "32m"],
    load: ["memory-bomb"],
  },
  { name: "fork bomb", flags: [...share, "--pids-limit", "64"], load: ["bomb"] },
  {
    name: "cpu hog",
    flags: share,
    load: ["spin", ...Array.from({ length: 8 }, () => "0")],
  },
  { name: "disk hog", flags: [...share, "--memory", "64m"], load: ["disk", "/hog", "16384"] },
];

/** The flags of a neighbour. */
export const neighbourFlags: readonly string[] = weight;

/** The command line, after `run`, of a container of init/load.c, which begins at a byte on its stdin. */
export function loadCommand(name: string, flags: readonly string[], load: readonly string[]): string[] {
  const root = ["--rootfs", builtFile(`lab-${process.arch}`)];
  return ["-i", "--name", name, "--net", "none", ...root, ...flags, "/load", "120", ...load];
}

/** The microseconds that a `load timer` has told since it was ready. */
export function told({ output }: Pick<Running, "output">): number[] {
  return [...output().matchAll(/^(\d+)$/gm)].map(([, us]) => Number(us));
}

/** `load` on the host itself: no container. */
export function loadOnHost(load: readonly string[], options: CommandOptions = {}): Running {
  return startCommand([builtFile(`lab-${process.arch}/load`), "120", ...load], options);
}
