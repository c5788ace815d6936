import { addressesOf, linkNamed } from "../facts.ts";
import { fail, type Hop, pass } from "../hop.ts";
import { enter, type Given, type Station } from "../station.ts";
import { otherEnd, ownersOn, type Scene } from "../way.ts";
import { restoreDefault } from "./link.ts";

/** Who else on the container's network has an address. */
function others(scene: Scene, station: Station, given: Given, address: string) {
  const bridge = linkNamed(scene.host.facts, given.bridge);
  if (bridge === undefined) return [];
  return ownersOn(scene, bridge, address).filter(
    (owner) =>
      owner.station !== station &&
      addressesOf(owner.station.facts, owner.link).some((one) => one.address === address),
  );
}

/** The container's address on one network: there, with the right prefix length, and nobody else's. */
export function checkAddress(scene: Scene, station: Station, given: Given, six: boolean): Hop | undefined {
  const place = { at: station.name, what: `address ${given.ifname}` };
  const address = six ? given.address6 : given.address;
  const prefixLength = six ? given.prefixLength6 : given.prefixLength;
  const link = linkNamed(station.facts, given.ifname);
  if (link === undefined || address === undefined || prefixLength === undefined) return undefined;
  const wanted = `${address}/${prefixLength}`;
  const found = addressesOf(station.facts, link);
  const shown = found.map((one) => `${one.address}/${one.prefixLength}`).join(", ") || "none";
  const mine = found.filter((one) => one.address === address);
  if (mine.length === 0) {
    return fail(place, "no-address", `its lease is ${wanted}; addresses of ${given.ifname}: ${shown}`, {
      mend: [
        `${enter(station)}ip address add ${wanted} dev ${given.ifname}`,
        ...restoreDefault(station, given),
      ],
    });
  }
  if (!mine.some((one) => one.prefixLength === prefixLength)) {
    const wrong = `${address}/${mine[0]?.prefixLength}`;
    return fail(place, "wrong-prefix", `${wrong}; network ${given.network} has /${prefixLength}`, {
      mend: [
        `${enter(station)}ip address add ${wanted} dev ${given.ifname}`,
        `${enter(station)}ip address delete ${wrong} dev ${given.ifname}`,
        ...restoreDefault({ ...station, facts: { ...station.facts, routes: [] } }, given),
      ],
    });
  }
  const [twin] = others(scene, station, given, address);
  if (twin !== undefined) {
    const where = `${twin.station.name} (${twin.link.name}, ${twin.link.mac ?? "no MAC"})`;
    const length =
      addressesOf(twin.station.facts, twin.link).find((one) => one.address === address)?.prefixLength ??
      prefixLength;
    return fail(place, "duplicate-address", `${address} is also on ${where}`, {
      evidence: [`leased to ${station.name} (${link.mac ?? "no MAC"}) alone`],
      mend: [
        `${enter(twin.station)}ip address delete ${address}/${length} dev ${twin.link.name}`,
        ...forget(scene, station, twin.station, address),
      ],
    });
  }
  return pass(place, wanted);
}

/** Lets those on the path forget whom they took for the owner of an address. */
function forget(scene: Scene, owner: Station, impostor: Station, address: string): string[] {
  return [scene.from, scene.host, ...(scene.to === undefined ? [] : [scene.to])]
    .filter((one, at, all) => one !== owner && one !== impostor && all.indexOf(one) === at)
    .map((one) => `${enter(one)}ip neigh flush to ${address}`);
}

/** The link's MAC address is nobody else's on the network. */
export function checkMac(scene: Scene, station: Station, given: Given): Hop | undefined {
  const { host } = scene;
  const link = linkNamed(station.facts, given.ifname);
  const bridge = linkNamed(host.facts, given.bridge);
  if (link?.mac === undefined || bridge === undefined) return undefined;
  const place = { at: station.name, what: `MAC ${given.ifname}` };
  const ports = host.facts.links.filter((port) => port.master === bridge.index);
  const twins = ports.flatMap((port) => {
    const end = otherEnd(scene, host, port);
    if (end === undefined || end.station === station || end.station === host) return [];
    return end.link.mac === link.mac ? [end] : [];
  });
  const [twin] = twins;
  if (twin === undefined) return pass(place, `${link.mac}, nobody else's on ${given.bridge}`);
  // The one that was not given this address by mdocker is to give it up.
  const impostor = link.mac === given.mac ? twin : { station, link };
  const real = impostor.station.given.find(({ ifname }) => ifname === impostor.link.name)?.mac;
  const wrongPort = host.facts.fdb.find(
    (entry) => entry.mac === link.mac && entry.bridge === bridge.index && !entry.local,
  );
  const port =
    wrongPort === undefined ? undefined : host.facts.links.find((one) => one.index === wrongPort.link);
  return fail(
    place,
    "duplicate-mac",
    `${link.mac} is also the MAC of ${twin.station.name} (${twin.link.name})`,
    {
      evidence: port === undefined ? [] : [`${given.bridge} believes it behind ${port.name} now`],
      mend: [
        `${enter(impostor.station)}ip link set ${impostor.link.name} address ${real ?? "02:42:00:00:00:01"}`,
        ...(port === undefined ? [] : [`bridge fdb delete ${link.mac} dev ${port.name} master`]),
      ],
    },
  );
}
