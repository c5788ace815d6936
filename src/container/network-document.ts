import type { Instance } from "../core/paths.ts";
import { containersOn, type ListedNetwork } from "./networks.ts";

/** A network as docker's API and `network inspect` describe it. */
export interface NetworkDocument {
  readonly Name: string;
  readonly Id: string;
  readonly Created: string;
  readonly Scope: "local";
  readonly Driver: string;
  readonly EnableIPv6: false;
  readonly IPAM: {
    readonly Driver: "default";
    readonly Options: Readonly<Record<string, string>> | null;
    readonly Config: readonly { readonly Subnet: string; readonly Gateway: string }[];
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
      IPv4Address: endpoint === undefined ? "" : `${endpoint.address}/${endpoint.prefixLength}`,
      IPv6Address: "",
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
    EnableIPv6: false,
    IPAM: {
      Driver: "default",
      Options: null,
      Config: network === undefined ? [] : [{ Subnet: network.subnet, Gateway: network.gateway }],
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
