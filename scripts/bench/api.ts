import type { Bench, Row } from "./bench.ts";
import { interleave, type Variant } from "./measure.ts";
import { ask, createSleeper, startSupervisor } from "./supervisor.ts";

const rounds = 10;

/** Starting a container that was created before, through the API: POST /containers/ID/start. */
export const api: Bench = {
  name: "api",
  title: "start of a created container through the API, on the bridge",
  run: async (context) => {
    const supervisor = await startSupervisor(context);
    try {
      const timed = (name: string, socket: string, image: string): Variant => ({
        name,
        once: async () => {
          const id = await createSleeper(socket, image);
          const begin = performance.now();
          await ask(socket, "POST", `/v1.41/containers/${id}/start`);
          const ms = performance.now() - begin;
          await ask(socket, "DELETE", `/v1.41/containers/${id}?force=1`);
          return ms;
        },
      });
      const { peers } = context;
      const variants = [
        timed("mdocker supervisor", supervisor.socket, "lab"),
        ...(peers.docker.ready ? [timed("dockerd", peers.dockerSocket, "bench")] : []),
      ];
      const measured = await interleave(rounds, variants, 2);
      const own = measured[0]?.median ?? Number.NaN;
      const rows = measured.map(({ name, median, samples }): Row => {
        const row: Row = { label: name, value: median, unit: "ms", samples };
        return name === "dockerd"
          ? { ...row, ratio: { to: "mdocker supervisor", value: median / own, atLeast: 5 } }
          : row;
      });
      return peers.docker.ready ? rows : [...rows, { label: "dockerd", unit: "ms", note: peers.docker.why }];
    } finally {
      await supervisor.close();
    }
  },
};
