import { listDefinitions } from "../../net/definition.ts";
import { defaultNetwork } from "../../net/network.ts";
import { monotonicMs } from "../core/clock.ts";
import type { Instance } from "../core/paths.ts";
import { isLive, listContainers } from "./refresh.ts";

/** Whoever is not known is looked for so often at most: containers come and go. */
const patienceMs = 2000;

/** Those that are there: a network may have addresses of one family only. */
function known(...addresses: readonly (string | undefined)[]): string[] {
  return addresses.flatMap((address) => (address === undefined || address === "" ? [] : [address]));
}

/** Whose an address is: a container's by its name, or `NETWORK.gateway`. */
export class AddressNames {
  readonly #instance: Instance;
  readonly #gateways: ReadonlyMap<string, string>;
  #containers: ReadonlyMap<string, string> = new Map();
  #looked = Number.NEGATIVE_INFINITY;

  private constructor(instance: Instance, gateways: ReadonlyMap<string, string>) {
    this.#instance = instance;
    this.#gateways = gateways;
  }

  static async of(instance: Instance): Promise<AddressNames> {
    const networks = [
      await defaultNetwork(instance),
      ...listDefinitions(instance).map(({ network }) => network),
    ];
    const gateways = networks.flatMap(({ name, gateway, gateway6 }) =>
      known(gateway, gateway6).map((address) => [address, `${name}.gateway`] as const),
    );
    return new AddressNames(instance, new Map(gateways));
  }

  #look(): void {
    this.#looked = monotonicMs();
    this.#containers = new Map(
      listContainers(this.#instance)
        .filter(isLive)
        .flatMap(({ name, endpoints }) =>
          endpoints.flatMap(({ address, address6 }) =>
            known(address, address6).map((one) => [one, name] as const),
          ),
        ),
    );
  }

  /** The name of an address, or the address. */
  who(address: string): string {
    const found = this.#containers.get(address) ?? this.#gateways.get(address);
    if (found !== undefined) return found;
    if (monotonicMs() - this.#looked < patienceMs) return address;
    this.#look();
    return this.#containers.get(address) ?? address;
  }

  /** All that are known now. */
  entries(): ReadonlyMap<string, string> {
    this.#look();
    return new Map([...this.#gateways, ...this.#containers]);
  }
}
