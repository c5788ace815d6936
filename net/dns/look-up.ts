import type { Instance } from "../../src/core/paths.ts";
import { addressBytes, addressKey } from "./address.ts";
import { Zones } from "./zones.ts";

/** One address of one container. */
export interface Found {
  readonly address: string;
  /** `name.network`. */
  readonly name: string;
  readonly container: string;
  readonly network: string;
}

function isSame(text: string, address: Uint8Array): boolean {
  const bytes = addressBytes(text);
  return bytes !== undefined && addressKey(bytes) === addressKey(address);
}

/**
 * Who has a name, or an address, on the networks that are up: all who answer to it, on each. Asks no server: the leases
 * say it.
 * @param network Only this one.
 */
export function lookUp(instance: Instance, text: string, network?: string): readonly Found[] {
  const zones = new Zones(instance)
    .all()
    .filter((zone) => network === undefined || zone.network.name === network);
  const address = addressBytes(text);
  return zones.flatMap((zone) => {
    const hosts =
      address === undefined
        ? zone.named(text.toLowerCase().replace(/\.$/, ""))
        : [zone.at(address) ?? []].flat();
    return hosts.flatMap(({ addresses, names, container }) =>
      addresses
        .filter((one) => address === undefined || isSame(one, address))
        .map((one) => ({
          address: one,
          name: `${names[0] ?? container.slice(0, 12)}.${zone.network.name}`,
          container,
          network: zone.network.name,
        })),
    );
  });
}
