import { acquireLease } from "../../net/ipam.ts";
import { defaultNetwork } from "../../net/network.ts";
import { identify } from "../../src/sys/process.ts";

/*
 * A process that holds a lease: node lease-holder.js STATE CONTAINER. Says `ready`, leases on a line from stdin, says
 * the address and stays until stdin ends.
 */
const [state = "", container = ""] = process.argv.slice(2);
const instance = { root: state, state, prefix: "mdocker" };
const network = await defaultNetwork(instance, "");
const owner = identify(process.pid);
if (owner === undefined) throw new Error("not alive");
process.stdin.once("data", () => {
  acquireLease(instance, network, { container, owner }).then(
    ({ address }) => process.stdout.write(`leased ${address}\n`),
    (error: unknown) => process.stdout.write(`failed ${String(error)}\n`),
  );
});
process.stdout.write("ready\n");
