import { type Kind, settled, takeSnapshot } from "../../tests/harness/snapshot.ts";
import type { Bench, Row } from "./bench.ts";
import { timeMany } from "./measure.ts";

const count = 100;
/** At once, so that removals meet starts. */
const width = 4;

/** What a hundred containers leave behind on the host, their network being there before and after. */
export const growth: Bench = {
  name: "growth",
  title: `growth after ${count} containers`,
  run: async ({ program, env, instance }) => {
    const run = [program, "run", "--net", "bridge", "--rm", "/bin/true"];
    await timeMany([run], 1, env);
    const before = await takeSnapshot(instance);
    await timeMany(
      Array.from({ length: count }, () => run),
      width,
      env,
    );
    const { after } = await settled(before);
    return (Object.keys(before.lines) as Kind[]).map((kind): Row => {
      const grown = after.lines[kind].length - before.lines[kind].length;
      return { label: kind, value: grown, unit: "", ratio: { to: "", value: grown, atMost: 0 } };
    });
  },
};
