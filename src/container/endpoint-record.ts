import type { Endpoint } from "../../net/endpoint.ts";
import type { EndpointRecord } from "./record.ts";

/** What is remembered of an endpoint. */
export function endpointRecord(endpoint: Endpoint): EndpointRecord {
  const { network, driver, ifname, hostName, address, prefixLength, gateway, mac } = endpoint;
  const { address6, prefixLength6, gateway6, linkLocal } = endpoint;
  return {
    ...{ network, driver, ifname, hostName, address, prefixLength, gateway },
    ...{ address6, prefixLength6, gateway6, linkLocal, mac },
  };
}

/** The addresses by which an endpoint is known, that of IPv4 first. */
export function addressesOf({ address, address6 }: Pick<EndpointRecord, "address" | "address6">): string[] {
  return [address, address6].flatMap((it) => (it === undefined || it === "" ? [] : [it]));
}
