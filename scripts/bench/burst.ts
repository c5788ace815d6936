import type { Bench, Row } from "./bench.ts";
import { timeMany } from "./measure.ts";

const count = 50;
/** More at a time make docker and podman slower, not faster. */
const peerWidth = 8;

/** Many containers at once, each on the bridge. */
export const burst: Bench = {
  name: "burst",
  title: `${count} bridged containers, start to end of all`,
  run: async ({ program, env, peers }) => {
    const run = [program, "run", "--net", "bridge", "--rm", "/bin/true"];
    const all = (command: readonly string[]) => Array.from({ length: count }, () => command);
    await timeMany(all(run).slice(0, 4), 4, env);
    const own = await timeMany(all(run), count, env);
    const rows: Row[] = [{ label: "mdocker run, all at once", value: own, unit: "ms" }];
    for (const name of ["docker", "podman"] as const) {
      const peer = peers[name];
      if (!peer.ready) {
        rows.push({ label: `${name} run`, unit: "ms", note: peer.why });
        continue;
      }
      const ms = await timeMany(all(peer.run(["/bin/true"])), peerWidth, env);
      // Again in between, so that both are measured in the same minute.
      const again = await timeMany(all(run), count, env);
      rows.push({
        label: `${name} run, ${peerWidth} at a time`,
        value: ms,
        unit: "ms",
        ratio: {
          to: "mdocker",
          value: ms / again,
          ...(name === "docker" && { atLeast: 10 }),
        },
      });
    }
    return rows;
  },
};
