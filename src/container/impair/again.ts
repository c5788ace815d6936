import { Cable, type Direction } from "../../../net/impair/cable.ts";
import type { Impairment } from "../../../net/impair/settings.ts";
import type { Instance } from "../../core/paths.ts";
import type { ContainerRecord } from "../record.ts";
import { findCable, initOf } from "./cables.ts";
import { withImpairments } from "./impair.ts";
import { readImpairmentRecord } from "./timers.ts";

/**
 * Impairs an interface whose link was made anew as the one before was: both directions, its MTU, the plug.
 * @throws ConflictError when the container has ended, SyscallError.
 */
export function impairAgain(instance: Instance, container: ContainerRecord, ifname: string): void {
  withImpairments(instance, () => {
    const { links = {}, down = [] } = readImpairmentRecord(instance, container.id, initOf(container));
    const link = links[ifname];
    const unplugged = down.includes(ifname);
    if (link === undefined && !unplugged) return;
    using cable = new Cable(findCable(instance, container, { ifname }));
    for (const [direction, impairment] of Object.entries(link?.queues ?? {}) as [Direction, Impairment][])
      cable.write(direction, impairment);
    if (link?.mtu !== undefined) cable.setMtu(link.mtu);
    if (unplugged) cable.setDown(true);
  });
}
