import type { Network } from "../../net/network.ts";
import type { Instance } from "../core/paths.ts";
import { containersOn, type ListedNetwork } from "./networks.ts";

/** The addresses of one family. */
interface RangeDocument {
  readonly Subnet: string;
  readonly Gateway?: string;
  readonly IPRange?: string;
  readonly AuxiliaryAddresses?: Readonly<Record<string, string>>;
}

/** A network as docker's API and `network inspect` describe it. */
export interface NetworkDocument {
  readonly Name: string;
  readonly Id: string;
  readonly Created: string;
  readonly Scope: "local";
  readonly Driver: string;
  readonly EnableIPv6: boolean;
  readonly IPAM: {
    readonly Driver: "default";
    readonly Options: Readonly<Record<string, string>> | null;
    readonly Config: readonly RangeDocument[];
  };
  readonly Internal: boolean;
  readonly Attachable: false;
  readonly Ingress: false;
  readonly ConfigFrom: { readonly Network: "" };
  readonly ConfigOnly: false;
  /** By id: those that run. */
  readonly Containers: Readonly<Record<string, object>>;
  readonly Options: Readonly<Record<string, string>>;
  readonly Labels: Readonly<Record<string, string>>;
}

function withLength(address = "", length = 0): string {
  return address === "" ? "" : `${address}/${length}`;
}

function rangesOf(network: Network): RangeDocument[] {
  const { subnet, gateway, ipRange, subnet6, gateway6, ipRange6, auxiliary = {} } = network;
  const range = (own: string, router: string | undefined, part: string | undefined): RangeDocument => {
    const reserved = Object.entries(auxiliary).filter(([, it]) => it.includes(":") === own.includes(":"));
    return {
      Subnet: own,
      ...(part !== undefined && { IPRange: part }),
      ...(router !== undefined && router !== "" && { Gateway: router }),
      ...(reserved.length > 0 && { AuxiliaryAddresses: Object.fromEntries(reserved) }),
    };
  };
  return [
    ...(subnet === "" ? [] : [range(subnet, gateway, ipRange)]),
    ...(subnet6 === undefined ? [] : [range(subnet6, gateway6, ipRange6)]),
  ];
}

/** Describes a network, and the containers that run on it. */
export function describeNetworkDocument(
  instance: Instance,
  { id, name, driver, definition }: ListedNetwork,
): NetworkDocument {
  const network = definition?.network;
  const containers = containersOn(instance, name, true).map((record) => {
    const endpoint = record.endpoints.find((one) => one.network === name);
    const description = {
      Name: record.name,
      EndpointID: "",
      MacAddress: endpoint?.mac ?? "",
      IPv4Address: withLength(endpoint?.address, endpoint?.prefixLength),
      IPv6Address: withLength(endpoint?.address6, endpoint?.prefixLength6),
    };
    return [record.id, description] as const;
  });
  // What is always there came into being with mdocker itself.
  const { created = new Date(0).toISOString(), options = {}, labels = {} } = definition ?? {};
  // Of others only who asked for a name: docker-compose takes an option it did not give for a change.
  const bridge: Record<string, string> =
    network === undefined || name !== "bridge" ? {} : { "com.docker.network.bridge.name": network.bridge };
  return {
    Name: name,
    Id: id,
    Created: created,
    Scope: "local",
    Driver: driver,
    EnableIPv6: network?.subnet6 !== undefined,
    IPAM: {
      Driver: "default",
      Options: null,
      Config: network === undefined ? [] : rangesOf(network),
    },
    Internal: network?.internal ?? false,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Containers: Object.fromEntries(containers),
    Options: { ...bridge, ...options },
    Labels: labels,
  };
}
