import type { Case } from "../case.ts";
import { linkNamed } from "../facts.ts";
import { type Hop, pass } from "../hop.ts";
import type { Given, Station } from "../station.ts";
import { checkAddress, checkMac } from "./address.ts";
import { checkCable, checkLink, checkParent } from "./link.ts";

/** Everything about one end of the path that mdocker itself has set up: container, link, cable, address, MAC. */
export function checkEnd(it: Case, station: Station, given: readonly Given[], six: boolean): Hop[] {
  const { scene } = it;
  const hops: Hop[] = [
    pass(
      { at: station.name, what: station.kind },
      station.kind === "host" ? "this host" : `runs, pid ${station.pid}`,
    ),
  ];
  for (const one of given) {
    hops.push(checkLink(station, one));
    if (linkNamed(station.facts, one.ifname) === undefined) continue;
    if (one.bridge !== "") hops.push(checkCable(scene, station, one));
    const others = [
      checkParent(scene, station, one),
      checkAddress(scene, station, one, six),
      checkMac(scene, station, one),
    ];
    hops.push(...others.flatMap((hop) => hop ?? []));
  }
  return hops;
}

/** The host's own end of a network: the bridge with the gateway's address. */
export function checkGateway(it: Case, bridges: readonly string[], six: boolean): Hop[] {
  const { host } = it.scene;
  return bridges.flatMap((bridge): Hop[] => {
    const network = it.networks.find((one) => one.bridge === bridge);
    const link = linkNamed(host.facts, bridge);
    const address = six ? network?.gateway6 : network?.gateway;
    if (network === undefined || link === undefined || address === undefined) return [];
    const length = Number((six ? network.subnet6 : network.subnet)?.split("/")[1]);
    const place = { at: "host", what: `gateway ${bridge}` };
    const found = host.facts.addresses.filter((one) => one.link === link.index);
    const mine = found.find((one) => one.address === address);
    if (mine?.prefixLength === length) return [pass(place, `${address}/${length}`)];
    const shown = found.map((one) => `${one.address}/${one.prefixLength}`).join(", ") || "none";
    const remove =
      mine === undefined ? [] : [`ip address delete ${address}/${mine.prefixLength} dev ${bridge}`];
    return [
      {
        ...place,
        status: "fail",
        fault: mine === undefined ? "bridge-address" : "wrong-prefix",
        seen: `addresses of ${bridge}: ${shown}; the gateway is ${address}/${length}`,
        mend: [`ip address add ${address}/${length} dev ${bridge}`, ...remove],
      },
    ];
  });
}
