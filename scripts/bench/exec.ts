import { spawn, spawnSync } from "node:child_process";
import type { Bench, Row } from "./bench.ts";
import { interleave, timeCommand } from "./measure.ts";

/** One more command in a running container, from a cold start, beside a container of its own. */
export const exec: Bench = {
  name: "exec",
  title: "exec /bin/true in a running container, whole command",
  run: async ({ program, env }) => {
    const name = "bench-exec";
    const words = ["run", "--name", name, "--net", "none", "/bin/sh", "-c", "echo ready; exec sleep 100000"];
    const container = spawn(program, words, { env, stdio: ["ignore", "pipe", "inherit"] });
    const ended = new Promise<void>((resolve) => container.once("close", () => resolve()));
    try {
      await Promise.race([
        new Promise((resolve) => container.stdout.once("data", resolve)),
        ended.then(() => {
          throw new Error("the container ended before it was ready");
        }),
      ]);
      const once = (args: readonly string[]) => () => timeCommand([program, ...args], env);
      const measured = await interleave(25, [
        { name: "mdocker exec", once: once(["exec", name, "/bin/true"]) },
        { name: "mdocker run --net none", once: once(["run", "--net", "none", "/bin/true"]) },
      ]);
      const [own, run] = measured.map(({ median }) => median);
      return measured.map(
        ({ name: label, median, samples }, at): Row => ({
          label,
          value: median,
          unit: "ms",
          samples,
          ...(at === 0 && {
            ratio: {
              to: "mdocker run --net none",
              value: (own ?? Number.NaN) / (run ?? Number.NaN),
              atMost: 1.2,
            },
          }),
        }),
      );
    } finally {
      spawnSync(program, ["kill", name], { env, stdio: "ignore" });
      await ended;
    }
  },
};
