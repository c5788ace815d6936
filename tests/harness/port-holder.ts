import { reservePorts } from "../../net/ports/reserve.ts";
import { identify } from "../../src/sys/process.ts";

/*
 * A process that holds ports: node port-holder.js STATE CONTAINER FIRST LAST. Says `ready`, takes one port of the range for
 * tcp and one for sctp on a line from stdin, says them and stays until stdin ends.
 */
const [state = "", container = "", first = "", last = ""] = process.argv.slice(2);
const owner = identify(process.pid);
if (owner === undefined) throw new Error("not alive");
process.stdin.once("data", () => {
  const mapping = {
    hostAddress: "127.0.0.1",
    hostPort: Number(first),
    lastHostPort: Number(last),
    containerPort: 80,
  };
  try {
    const { ports } = reservePorts(
      { root: state, state, prefix: "mdocker" },
      {
        container,
        owner,
        mappings: [
          { ...mapping, protocol: "tcp" },
          { ...mapping, protocol: "sctp" },
        ],
        nameOf: () => undefined,
      },
    );
    process.stdout.write(`took ${ports.map(({ hostPort }) => hostPort).join(" ")}\n`);
  } catch (error) {
    process.stdout.write(`failed ${String(error)}\n`);
  }
});
process.stdout.write("ready\n");
