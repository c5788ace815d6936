import type { Bench } from "./bench.ts";
import { interleave, timeCommand } from "./measure.ts";

/** The bound of what the default profile may cost a start, in milliseconds. */
const mostMs = 3;

/** What the default seccomp profile costs a start, its compiled filter being cached. */
export const isolation: Bench = {
  name: "isolation",
  title: "a start without network under several seccomp profiles",
  run: async ({ program, env }) => {
    const start =
      (...flags: string[]) =>
      () =>
        timeCommand([program, "run", "--net", "none", ...flags, "/bin/true"], env);
    const measured = await interleave(40, [
      { name: "seccomp=unconfined", once: start("--security-opt", "seccomp=unconfined") },
      { name: "the default profile", once: start() },
      { name: "seccomp=strict", once: start("--security-opt", "seccomp=strict") },
    ]);
    const base = measured[0]?.median ?? Number.NaN;
    return measured.map(({ name, median, samples }, at) => ({
      label: name,
      value: median,
      unit: "ms",
      samples,
      ...(at > 0 && { note: `+${(median - base).toFixed(1)} ms (at most ${mostMs})` }),
    }));
  },
};
