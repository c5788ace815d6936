import type { Bench, Row } from "./bench.ts";
import { interleave, timeCommand, type Variant } from "./measure.ts";

/** The whole command, from a cold start: what a user waits for. */
export const whole: Bench = {
  name: "whole",
  title: "run --net bridge --rm /bin/true, whole command",
  run: async ({ program, env, peers }) => {
    const once = (command: readonly string[]) => () => timeCommand(command, env);
    const run = [program, "run", "--net", "bridge", "--rm", "/bin/true"];
    const fast: Variant[] = [
      { name: "mdocker run", once: once(run) },
      { name: "node -e 0", once: once([process.execPath, "-e", "0"]) },
    ];
    if (peers.bwrap !== undefined) {
      const box = [
        peers.bwrap,
        "--unshare-all",
        "--bind",
        peers.rootfs,
        "/",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
      ];
      fast.push({ name: "bwrap", once: once([...box, "/bin/true"]) });
    }
    const measured = await interleave(25, fast);
    const at = (name: string) => measured.find((one) => one.name === name)?.median ?? Number.NaN;
    const own = at("mdocker run");
    const rows: Row[] = measured.map(({ name, median, samples }) => ({
      label: name,
      value: median,
      unit: "ms",
      samples,
      ...(name === "mdocker run" && {
        ratio: { to: "node -e 0", value: own / at("node -e 0"), atMost: 2 },
      }),
      ...(name === "bwrap" && { note: "namespaces only: no network, cgroup or layer" }),
    }));
    for (const name of ["docker", "podman"] as const) {
      const peer = peers[name];
      if (!peer.ready) {
        rows.push({ label: `${name} run`, unit: "ms", note: peer.why });
        continue;
      }
      // In pairs of their own: a slow peer between two samples would give the fast ones a cold cache.
      const pair = [
        { name, once: once(peer.run(["/bin/true"])) },
        { name: "mdocker run", once: once(run) },
      ];
      const [other, mine] = await interleave(8, pair, 2, 300);
      const median = other?.median ?? Number.NaN;
      rows.push({
        label: `${name} run`,
        value: median,
        unit: "ms",
        samples: other?.samples,
        ratio: { to: "mdocker run", value: median / (mine?.median ?? Number.NaN), atLeast: 5 },
      });
    }
    return rows;
  },
};
