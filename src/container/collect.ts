import { closeSync, writeSync } from "node:fs";
import { detectCgroups } from "../../cgroup/host.ts";
import { removeCgroup } from "../../cgroup/remove.ts";
import { disconnectEndpoint } from "../../net/endpoint.ts";
import { releaseLease } from "../../net/ipam.ts";
import { linkAlias } from "../../net/network.ts";
import { unpublish } from "../../net/ports/publish.ts";
import { hasErrno } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { openFifo } from "../sys/fifo.ts";
import { fifoPath } from "./fifos.ts";
import { hasLateCgroups } from "./late-cgroups.ts";
import type { ContainerRecord } from "./record.ts";
import { containerPaths } from "./store.ts";
import { releaseIds } from "./users/range.ts";

/**
 * Lets the monitor of a detached container go: what its FIFOs held has been read, or is wanted by nobody. One that is
 * gone already is fine.
 */
export function releaseMonitor(instance: Instance, id: string): void {
  let fifo: number;
  try {
    fifo = openFifo(fifoPath(containerPaths(instance, id).run, "collected"), "write");
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ENXIO")) return;
    throw error;
  }
  try {
    writeSync(fifo, "x");
  } catch (error) {
    if (!hasErrno(error, "EAGAIN", "EPIPE")) throw error;
  } finally {
    closeSync(fifo);
  }
}

/** Removes the links of a container that has ended, while others are served; those that are gone already are fine. */
export async function removeLinks(
  instance: Instance,
  { id, endpoints }: Pick<ContainerRecord, "id" | "endpoints">,
): Promise<void> {
  if (endpoints.every(({ hostName }) => hostName === "")) return;
  const { removeSoon } = await import("../../net/link-removal.ts");
  await Promise.all(
    endpoints.map(async ({ hostName, network }) => {
      if (hostName !== "")
        await removeSoon(hostName, linkAlias({ owner: instance.prefix, name: network }, id));
    }),
  );
}

/**
 * Takes back what the network has of a container that has ended. Its cgroup is removed by its monitor, but for what that
 * does not know of.
 */
export function disconnectEnded(instance: Instance, record: ContainerRecord): void {
  const { cgroup } = record;
  if (cgroup !== undefined && hasLateCgroups(instance, record.id)) removeCgroup(detectCgroups(), cgroup);
  unpublish(instance, record.id);
  if (record.users !== undefined) releaseIds(instance, record.id);
  if (record.network.kind === "bridge") {
    for (const { network } of record.network.attachments)
      releaseLease(instance, { name: network }, record.id);
  }
  for (const { hostName, network } of record.endpoints) {
    disconnectEndpoint({ hostName, alias: linkAlias({ owner: instance.prefix, name: network }, record.id) });
  }
}
