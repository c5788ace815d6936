/** A transport protocol whose ports can be published. */
export type PortProtocol = "tcp" | "udp" | "sctp";

/** One port of a container that shall be reached through the host, as it was asked for. Plain data. */
export interface PortMapping {
  readonly protocol: PortProtocol;
  /** Port of the container, 1 to 65535. */
  readonly containerPort: number;
  /** Address of the host, IPv4 or IPv6 without brackets; absent: what the network binds by default (localhost). */
  readonly hostAddress?: string | undefined;
  /** Port of the host, or the first of a range of which a free one is taken; absent: any free one. */
  readonly hostPort?: number | undefined;
  /** The last of that range. */
  readonly lastHostPort?: number | undefined;
}

/** A port of a container as it is published: nothing is left open. */
export interface PublishedPort {
  readonly protocol: PortProtocol;
  readonly containerPort: number;
  /** Address of the host; `0.0.0.0` or `::` for all of them. */
  readonly hostAddress: string;
  readonly hostPort: number;
}
