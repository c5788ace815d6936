import { addressesOf, linkNamed, linkOf } from "../facts.ts";
import { fail, type Hop, pass } from "../hop.ts";
import { isShared } from "../shared.ts";
import { enter, type Given, type Station } from "../station.ts";
import type { Scene } from "../way.ts";

/** The command that puts back the default route, where the container has one no more. */
export function restoreDefault(station: Station, given: Given): string[] {
  if (given.gateway === undefined) return [];
  const there = station.facts.routes.some(
    ({ prefixLength, gateway, table }) => prefixLength === 0 && table === 254 && gateway === given.gateway,
  );
  return there ? [] : [`${enter(station)}ip route replace default via ${given.gateway} dev ${given.ifname}`];
}

/** The container's own end: there and up. */
export function checkLink(station: Station, given: Given): Hop {
  const place = { at: station.name, what: `link ${given.ifname}` };
  const link = linkNamed(station.facts, given.ifname);
  if (link === undefined) {
    const others = station.facts.links.map(({ name }) => name).join(", ") || "none";
    return fail(place, "no-link", `there is no ${given.ifname}; links inside: ${others}`, {
      mend: [
        `mdocker network disconnect ${given.network} ${station.name}`,
        `mdocker network connect ${given.network} ${station.name}`,
      ],
    });
  }
  if (!link.up) {
    const addresses = addressesOf(station.facts, link);
    // IPv6 addresses go when a link is set down.
    const six =
      given.address6 !== undefined && addresses.length === 0
        ? [
            `${enter(station)}ip address replace ${given.address6}/${given.prefixLength6 ?? 64} dev ${given.ifname} nodad`,
          ]
        : [];
    return fail(place, "link-down", `${given.ifname} is down`, {
      evidence: [`index ${link.index}, MAC ${link.mac ?? "none"}, mtu ${link.mtu}, not UP`],
      mend: [
        `${enter(station)}ip link set ${given.ifname} up`,
        ...six,
        ...restoreDefault({ ...station, facts: { ...station.facts, routes: [] } }, given),
      ],
    });
  }
  return pass(place, `up, ${link.mac ?? "no MAC"}, mtu ${link.mtu}`);
}

/** From the container's end to the bridge: the host end, where it is plugged in, the bridge. */
export function checkCable(scene: Scene, station: Station, given: Given): Hop {
  const { host } = scene;
  const place = { at: "host", what: `cable ${given.hostName}` };
  const end = linkNamed(host.facts, given.hostName);
  if (end === undefined) {
    return fail(
      place,
      "no-link",
      `there is no ${given.hostName}: the other end of ${station.name}'s ${given.ifname}`,
      {
        mend: [
          `mdocker network disconnect ${given.network} ${station.name}`,
          `mdocker network connect ${given.network} ${station.name}`,
        ],
      },
    );
  }
  const bridge = linkNamed(host.facts, given.bridge);
  if (bridge === undefined) {
    return fail(place, "bridge-missing", `there is no bridge ${given.bridge}`, {
      mend: ["mdocker network reload"],
    });
  }
  if (end.master !== bridge.index) {
    const master = linkOf(host.facts, end.master);
    const seen =
      master === undefined
        ? `${given.hostName} is attached to no bridge`
        : `${given.hostName} is attached to ${master.name}`;
    return fail(place, "detached", `${seen}; it belongs to ${given.bridge}`, {
      mend: [`ip link set ${given.hostName} master ${given.bridge}`],
    });
  }
  if (!end.up) {
    return fail(place, "host-end-down", `${given.hostName} is down`, {
      evidence: [`${given.ifname} of ${station.name} is up without carrier: its other end is down`],
      mend: [`ip link set ${given.hostName} up`],
    });
  }
  if (!bridge.up) {
    return fail({ at: "host", what: `bridge ${given.bridge}` }, "bridge-down", `${given.bridge} is down`, {
      mend: [`ip link set ${given.bridge} up`],
    });
  }
  return pass(place, `up, a port of ${given.bridge}, which is up`);
}

/** The link of the host that a macvlan or ipvlan stands on; undefined for other links. */
export function checkParent({ host }: Scene, station: Station, given: Given): Hop | undefined {
  const link = linkNamed(station.facts, given.ifname);
  if (link === undefined || !isShared(link)) return undefined;
  // When the parent goes, so does what stands on it.
  const parent = linkOf(host.facts, link.peer);
  if (parent === undefined) return undefined;
  const place = { at: "host", what: `parent ${parent.name}` };
  const stands = `${given.ifname} of ${station.name} (${link.kind}) stands on it`;
  if (!parent.up)
    return fail(place, "parent-down", `${parent.name} is down`, {
      evidence: [stands],
      mend: [`ip link set ${parent.name} up`],
    });
  if (!parent.running)
    return fail(place, "parent-down", `${parent.name} is up without carrier: it is not plugged in`, {
      evidence: [stands],
    });
  return pass(place, `up, with carrier; ${link.kind}${link.mode === undefined ? "" : `, mode ${link.mode}`}`);
}
