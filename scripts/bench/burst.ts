import type { Bench, BenchContext, Row } from "./bench.ts";
import { liveOnce } from "./engine.ts";
import { timeMany } from "./measure.ts";

const count = 50;
/** More at a time make docker and podman slower, not faster. */
const peerWidth = 8;

/** All of them started by this one process, as a supervisor does it: its milliseconds. */
async function engineBurst(context: BenchContext): Promise<number> {
  // Every one of them listens to our signals.
  process.setMaxListeners(0);
  const begin = performance.now();
  await Promise.all(Array.from({ length: count }, () => liveOnce(context)));
  return performance.now() - begin;
}

/** Many containers at once, each on the bridge. */
export const burst: Bench = {
  name: "burst",
  title: `${count} bridged containers, start to end of all`,
  run: async (context) => {
    const { program, env, peers } = context;
    const run = [program, "run", "--net", "bridge", "--rm", "/bin/true"];
    const all = (command: readonly string[]) => Array.from({ length: count }, () => command);
    await timeMany(all(run).slice(0, 4), 4, env);
    const own = await timeMany(all(run), count, env);
    await engineBurst(context);
    const engine = await engineBurst(context);
    const rows: Row[] = [
      { label: "mdocker, all at once in one process", value: engine, unit: "ms" },
      { label: `mdocker run, ${count} commands at once`, value: own, unit: "ms" },
    ];
    for (const name of ["docker", "podman"] as const) {
      const peer = peers[name];
      if (!peer.ready) {
        rows.push({ label: `${name} run`, unit: "ms", note: peer.why });
        continue;
      }
      const ms = await timeMany(all(peer.run(["/bin/true"])), peerWidth, env);
      // Again in between, so that both are measured in the same minute.
      const again = await engineBurst(context);
      const commands = await timeMany(all(run), count, env);
      rows.push({
        label: `${name} run, ${peerWidth} at a time`,
        value: ms,
        unit: "ms",
        ratio: { to: "mdocker in one process", value: ms / again, ...(name === "docker" && { atLeast: 10 }) },
        note: `${(ms / commands).toFixed(1)} x ${count} commands`,
      });
    }
    return rows;
  },
};
