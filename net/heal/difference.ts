import type { Link } from "../netlink/link.ts";
import type { NetlinkStep } from "../step.ts";
import type { Actual } from "./actual.ts";
import type { Act, Mend } from "./mend.ts";
import type { WantedAddress, WantedLink, WantedSetting } from "./wanted.ts";

/** A step that is missing, and what it is to be called. */
interface Lack {
  /** Of the thing, whatever is wrong with it: `up`. */
  readonly what: string;
  readonly fault: string;
  readonly step: NetlinkStep;
}

const reason = "as it was before somebody changed it";

/** What a link lacks in itself, its addresses aside. `masterOf` finds the index of a link by name. */
export function linkLacks(
  wanted: WantedLink,
  link: Link,
  masterOf: (name: string) => number | undefined,
): Lack[] {
  const { name, called, alias, mac, mtu, up, isolated, hairpin, master } = wanted;
  const lacks: Lack[] = [];
  if (link.alias !== alias || (isolated !== undefined && (link.isolated ?? false) !== isolated)) {
    const text =
      link.alias === alias ? `was ${isolated === true ? "not " : ""}isolated` : "had lost its alias";
    lacks.push({
      what: "alias",
      fault: `${called} ${text}`,
      step: { kind: "alias", link: name, alias, ...(isolated === undefined ? {} : { isolated }), reason },
    });
  }
  if (mac !== undefined && link.mac !== mac) {
    const fault = `${called} had the MAC address ${link.mac ?? "none"} instead of ${mac}`;
    lacks.push({ what: "mac", fault, step: { kind: "set", link: name, mac, reason } });
  }
  if (mtu !== undefined && link.mtu !== mtu) {
    const fault = `${called} had an MTU of ${link.mtu} instead of ${mtu}`;
    lacks.push({ what: "mtu", fault, step: { kind: "set", link: name, mtu, reason } });
  }
  if (master !== undefined && (link.master === undefined || link.master !== masterOf(master))) {
    const fault = `${called} was not on bridge ${master}`;
    lacks.push({ what: "master", fault, step: { kind: "enslave", link: name, bridge: master, reason } });
  }
  if (up && !link.up) {
    lacks.push({ what: "up", fault: `${called} was down`, step: { kind: "up", link: name, reason } });
  }
  // A port loses its own settings with its bridge.
  const moved = lacks.some(({ what }) => what === "master");
  if (moved && isolated === true && !lacks.some(({ what }) => what === "alias")) {
    lacks.push({
      what: "alias",
      fault: `${called} was not isolated`,
      step: { kind: "alias", link: name, alias, isolated, reason },
    });
  }
  if (hairpin === true && (moved || link.hairpin !== true)) {
    const fault = `${called} had no hairpin mode`;
    lacks.push({ what: "hairpin", fault, step: { kind: "hairpin", link: name, reason } });
  }
  return [...lacks.filter(({ what }) => what !== "alias"), ...lacks.filter(({ what }) => what === "alias")];
}

function addressLack(wanted: WantedLink, it: WantedAddress): Lack {
  const { address, prefixLength } = it;
  return {
    what: `address ${address}`,
    fault: `${wanted.called} had no address ${address}/${prefixLength}`,
    step: { kind: "new-address", link: wanted.name, address, prefixLength, reason },
  };
}

function routeLack({ called, name }: WantedLink, { address, subnet }: WantedAddress): Lack {
  return {
    what: `route ${subnet}`,
    fault: `the route to ${subnet} by ${called} was missing`,
    step: { kind: "connected-route", link: name, address, subnet, reason },
  };
}

function addressLacks(wanted: WantedLink, link: Link | undefined, actual: Actual): Lack[] {
  return wanted.addresses.flatMap((it) => {
    const there = actual.addresses.some(
      ({ link: index, address, prefixLength }) =>
        index === link?.index && address === it.address && prefixLength === it.prefixLength,
    );
    if (!there) return [addressLack(wanted, it)];
    // The way comes with the address, and comes back with a link that comes up again.
    return link?.up === true && actual.unreached.has(it.subnet) ? [routeLack(wanted, it)] : [];
  });
}

function floodLacks({ name, called, floods = [] }: WantedLink, link: Link, actual: Actual): Lack[] {
  return floods
    .filter((remote) => !actual.floods.some((one) => one.link === link.index && one.remote === remote))
    .map((remote) => ({
      what: `flood ${remote}`,
      fault: `${called} did not send frames to all to ${remote}`,
      step: { kind: "flood", link: name, remote, reason },
    }));
}

/** True for a link that is ours although somebody has taken its alias away. */
function isOurs({ alias, mac, name }: WantedLink, link: Link): boolean {
  if (link.alias !== undefined) return link.alias === alias;
  return link.kind === "bridge" ? link.mac === mac : link.kind === "veth" && link.name === name;
}

function missing(wanted: WantedLink, actual: Actual): Mend[] {
  const { network, container, called, name, alias, make } = wanted;
  const common = { key: `${called}`, network, container };
  const renamed = actual.links.find((link) => link.alias === alias);
  if (renamed !== undefined) {
    const advice = `ip link set dev ${renamed.name} name ${name}`;
    return [
      { ...common, faults: [`${called} is called ${renamed.name} now`], act: { kind: "none", advice } },
    ];
  }
  if (make === undefined) return [];
  const faults = [`${called} was missing`];
  if (make.kind !== "steps") return [{ ...common, faults, act: make }];
  const steps = [...make.steps, ...wanted.addresses.map((it) => addressLack(wanted, it).step)];
  return [{ ...common, faults, act: { kind: "steps", steps } }];
}

/** True for a bridge whose MTU is what the kernel makes of those of its ports: it follows when they are put right. */
function followsPorts({ index, mtu, kind }: Link, { links }: Actual): boolean {
  const ports = links.filter(({ master }) => master === index);
  return kind === "bridge" && ports.length > 0 && Math.min(...ports.map((port) => port.mtu)) === mtu;
}

function linkMends(wanted: WantedLink, actual: Actual): Mend[] {
  const { network, container, called, name, make } = wanted;
  const link = actual.links.find((one) => one.name === name);
  if (link === undefined) return missing(wanted, actual);
  if (!isOurs(wanted, link)) {
    if (wanted.shared === true) return [];
    const act: Act = { kind: "none", advice: `remove it (ip link delete ${name}), or give it another name` };
    return [{ key: called, network, container, faults: [`${called}: another link has that name`], act }];
  }
  const masterOf = (master: string): number | undefined =>
    actual.links.find((one) => one.name === master)?.index;
  const looked = followsPorts(link, actual) ? { ...wanted, mtu: undefined } : wanted;
  const lacks = [
    ...linkLacks(looked, link, masterOf),
    ...addressLacks(wanted, link, actual),
    ...floodLacks(wanted, link, actual),
  ];
  // What an uplink needs beside its link is known by its driver alone.
  if (lacks.length > 0 && make?.kind === "uplink")
    return [{ key: called, network, container, faults: lacks.map(({ fault }) => fault), act: make }];
  return lacks.map(({ what, fault, step }) => ({
    key: `${called} ${what}`,
    network,
    container,
    faults: [fault],
    act: { kind: "steps", steps: [step] },
  }));
}

/** The link that a setting is of; undefined for one of the whole host. */
function linkOf({ sysctl }: WantedSetting): string | undefined {
  const [, own] = /^net\/ipv[46]\/conf\/([^/]+)\//.exec(sysctl.path) ?? [];
  return own === "all" || own === "default" ? undefined : own;
}

function settingMends(wanted: WantedSetting, actual: Actual, made: ReadonlySet<string>): Mend[] {
  const { network, sysctl } = wanted;
  const now = actual.settings.get(sysctl.path);
  const link = linkOf(wanted);
  if (now === sysctl.value) return [];
  // Without its link there is none; with it, it has to be set before anybody could have changed it.
  if (now === undefined && (link === undefined || !made.has(link))) return [];
  const name = sysctl.path.replaceAll("/", ".");
  const faults = now === undefined ? [] : [`${name} was ${now} instead of ${sysctl.value}`];
  return [{ key: name, network, faults, act: { kind: "sysctl", sysctl } }];
}

/** Everything that is to be done to make the host as it shall be, in order. A function of its arguments alone. */
export function difference(
  links: readonly WantedLink[],
  settings: readonly WantedSetting[],
  actual: Actual,
): Mend[] {
  const mends = links.flatMap((wanted) => linkMends(wanted, actual));
  const made = new Set(
    mends.flatMap(({ act }) =>
      act.kind === "steps"
        ? act.steps.flatMap((step) => (step.kind === "new-bridge" ? [step.name] : []))
        : [],
    ),
  );
  return [...mends, ...settings.flatMap((setting) => settingMends(setting, actual, made))];
}
