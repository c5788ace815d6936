import type { PortMapping } from "./port-mapping.ts";

/** How a container is connected: what the OCI document does not say. */
export type NetworkRequest =
  | { readonly kind: "none" }
  | { readonly kind: "host" }
  /** Share the network namespace of another container, by id. */
  | { readonly kind: "container"; readonly container: string }
  | {
      readonly kind: "bridge";
      readonly attachments: readonly Attachment[];
      /** Ports that are published; they lead to the container's address on the network of its default route. */
      readonly ports?: readonly PortMapping[] | undefined;
    };

/** One interface of a container on one network. */
export interface Attachment {
  /** Name of the network: `bridge` is the default one. */
  readonly network: string;
  /** Fixed IPv4 address; else the next free one. */
  readonly address?: string | undefined;
  /** Fixed IPv6 address; else the one with the number that the IPv4 address has. */
  readonly address6?: string | undefined;
  /** Addresses beside the leased one: link-local, of either family. */
  readonly linkLocal?: readonly string[] | undefined;
  /** Of several networks that lead out, the default route is that of the highest; absent: 0. */
  readonly gatewayPriority?: number | undefined;
  /** Fixed MAC as `02:42:..`; else made from the address. */
  readonly mac?: string | undefined;
  /** Name inside the container: `eth0`, `eth1`... */
  readonly ifname: string;
  readonly aliases?: readonly string[] | undefined;
}
