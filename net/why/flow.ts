/** What is sent. Echo requests where no port is asked for. */
export type Protocol = "icmp" | "tcp" | "udp";

/** The addresses of a packet on its way. */
export interface Flow {
  readonly protocol: Protocol;
  readonly source: string;
  readonly destination: string;
  readonly sourcePort?: number | undefined;
  readonly destinationPort?: number | undefined;
}

/** `10.200.1.3:80/tcp` */
export function showTarget({ destination, destinationPort, protocol }: Omit<Flow, "source">): string {
  const host = destination.includes(":") && destinationPort !== undefined ? `[${destination}]` : destination;
  return destinationPort === undefined ? host : `${host}:${destinationPort}/${protocol}`;
}
