import type { PublishedPort } from "../../src/core/port-mapping.ts";

/** What one container publishes on one network. Plain data: the rules are a function of it and the network. */
export interface Publication {
  readonly network: string;
  /** Id of the container. */
  readonly container: string;
  /** Its addresses on the network. */
  readonly address: string;
  readonly address6?: string | undefined;
  readonly ports: readonly PublishedPort[];
  /** The end of its cable on the bridge. */
  readonly hostEnd?: string | undefined;
}

/** True for an address that only the host itself reaches: 127.0.0.0/8. */
export function isLoopback(address: string): boolean {
  return address.startsWith("127.");
}

/** True for the address that stands for all of the host's: `0.0.0.0` or `::`. */
export function isWildcard(address: string): boolean {
  return address === "0.0.0.0" || address === "::";
}

/**
 * With br_netfilter the rules see what a bridge passes on, and what a container sends to its own published port is led
 * back to it by the bridge itself: out of the port that it came in by, which bridges do not do.
 */
export function needsHairpin({ hostEnd = "", ports }: Publication): boolean {
  return hostEnd !== "" && ports.some(({ hostAddress }) => !isLoopback(hostAddress));
}
