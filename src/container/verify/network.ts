import { closeSync, openSync } from "node:fs";
import { dumpAddresses, parseAddress } from "../../../net/netlink/address.ts";
import { withNetlink } from "../../../net/netlink/client.ts";
import { AF_INET, AF_INET6 } from "../../../net/netlink/ip.ts";
import { dumpLinks, parseLink } from "../../../net/netlink/link.ts";
import { dumpRoutes, parseRoute } from "../../../net/netlink/route.ts";
import { insideNetns } from "../../sys/namespaces.ts";
import type { EndpointRecord } from "../record.ts";
import { type Finding, findings, listed } from "./finding.ts";
import type { Subject } from "./subject.ts";

/** What the kernel puts into every new network namespace when a module for tunnels is loaded; never up by themselves. */
const fallbacks = new Set(
  ["tunl0", "gre0", "gretap0", "erspan0", "sit0", "ip6tnl0", "ip6gre0", "ip_vti0", "ip6_vti0"], //
);

/** Links, addresses and routes as the kernel has them inside. */
function look(init: number): {
  readonly addresses: ReadonlyMap<string, readonly string[]>;
  readonly gateways: readonly string[];
} {
  const netns = openSync(`/proc/${init}/ns/net`, "r");
  try {
    return insideNetns(netns, () =>
      withNetlink((client) => {
        const links = client
          .dump(dumpLinks())
          .map(parseLink)
          .filter(({ name, up }) => up || !fallbacks.has(name));
        const families = [AF_INET, AF_INET6] as const;
        const addresses = families.flatMap((family) =>
          client.dump(dumpAddresses(0, family)).map(parseAddress),
        );
        const routes = families.flatMap((family) => client.dump(dumpRoutes(family)).map(parseRoute));
        const byLink = links.map(({ name, index }): [string, string[]] => [
          name,
          addresses
            .filter(({ link }) => link === index)
            .map(({ address, prefixLength }) => `${address}/${prefixLength}`),
        ]);
        const defaults = routes.filter(
          ({ prefixLength, gateway }) => prefixLength === 0 && gateway !== undefined,
        );
        return { addresses: new Map(byLink), gateways: defaults.map(({ gateway = "" }) => gateway) };
      }),
    );
  } finally {
    closeSync(netns);
  }
}

/** Interfaces, addresses and default route against what mdocker gave it. */
export function verifyNetwork({ record, init }: Subject): Finding[] {
  const { list, add } = findings("network");
  // What another container or the host has is not this one's to prove.
  if (record.network.kind === "host" || record.network.kind === "container") return list;
  const { addresses, gateways } = look(init);
  const { endpoints } = record;
  const expected = ["lo", ...endpoints.map(({ ifname }) => ifname)].sort();
  add("interfaces", listed(expected), listed([...addresses.keys()].sort()));
  for (const endpoint of endpoints) {
    const asked = addressesOf(endpoint);
    // The kernel gives itself one of fe80::/64.
    const found = (addresses.get(endpoint.ifname) ?? []).filter(
      (address) => asked.includes(address) || !address.startsWith("fe80:"),
    );
    add(`address of ${endpoint.ifname}`, listed(asked.sort()) || "none", listed([...found].sort()) || "none");
  }
  for (const family of ["IPv4", "IPv6"] as const) {
    const routers = endpoints.flatMap((one) => (family === "IPv4" ? one.gateway : one.gateway6) ?? []);
    const here = gateways.filter((gateway) => gateway.includes(":") === (family === "IPv6"));
    if (family === "IPv4" || routers.length + here.length > 0)
      verifyRoute({
        add,
        name: family === "IPv4" ? "default route" : "IPv6 default route",
        routers,
        gateways: here,
      });
  }
  return list;
}

/** All addresses that an interface was given, with their prefix lengths. */
function addressesOf(endpoint: EndpointRecord): string[] {
  const { address, prefixLength, address6, prefixLength6, linkLocal = [] } = endpoint;
  return [
    ...(address === "" ? [] : [`${address}/${prefixLength}`]),
    ...(address6 === undefined ? [] : [`${address6}/${prefixLength6}`]),
    ...linkLocal.map((one) => `${one}/${one.includes(":") ? 64 : 16}`),
  ];
}

function verifyRoute({
  add,
  name,
  routers,
  gateways,
}: {
  readonly add: ReturnType<typeof findings>["add"];
  readonly name: string;
  readonly routers: readonly string[];
  readonly gateways: readonly string[];
}): void {
  const good =
    routers.length === 0
      ? gateways.length === 0
      : gateways.length > 0 && gateways.every((gateway) => routers.includes(gateway));
  add(
    name,
    routers.length === 0 ? "none" : `by ${listed(routers.slice(0, 1))}`,
    gateways.length === 0 ? "none" : `by ${listed(gateways)}`,
    good,
  );
}
