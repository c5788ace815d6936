import { builtFile, home } from "../../src/core/home.ts";
import type { Bench } from "./bench.ts";
import { interleave, timeCommand } from "./measure.ts";

/** What the parts of a start cost, each as a whole process. */
export const costs: Bench = {
  name: "costs",
  title: "what a start is made of",
  run: async ({ program, env }) => {
    const script = (text: string) => () => timeCommand([process.execPath, "-e", text], env);
    const addon = JSON.stringify(builtFile(`koffi-${process.arch}.node`));
    const measured = await interleave(15, [
      { name: "node -e 0", once: script("0") },
      { name: "and koffi's addon alone", once: script(`process.dlopen({ exports: {} }, ${addon})`) },
      {
        name: "and koffi as its package loads it",
        once: script(
          `require("node:module").createRequire(${JSON.stringify(`${home}/package.json`)})("koffi")`,
        ),
      },
      { name: "mdocker version", once: () => timeCommand([program, "version"], env) },
      { name: "mdocker --help", once: () => timeCommand([program, "--help"], env) },
    ]);
    const base = measured[0]?.median ?? Number.NaN;
    return measured.map(({ name, median, samples }, at) => ({
      label: name,
      value: median,
      unit: "ms",
      samples,
      ...(at > 0 && { note: `+${(median - base).toFixed(1)} ms` }),
    }));
  },
};
