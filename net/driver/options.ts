import { UsageError } from "../../src/core/errors.ts";
import { parseIpv4 } from "../ipv4.ts";
import { formatIpv6, parseIpv6 } from "../ipv6.ts";
import type { Network, NetworkDriver, VxlanSettings } from "../network.ts";

/** What the options of `network create -o` decide of a network. */
export type Settings = Partial<
  Pick<
    Network,
    "icc" | "masquerade" | "mtu" | "bridge" | "hostBinding" | "parent" | "mode" | "internal" | "vxlan"
  >
>;

type Draft = { -readonly [K in keyof Settings]: Settings[K] } & {
  vlan?: number;
  tunnel?: { -readonly [K in keyof VxlanSettings]?: VxlanSettings[K] };
};

/** Takes one option's text into the draft. */
type Read = (draft: Draft, text: string, refuse: (expected: string) => never) => void;

function number(text: string, min: number, max: number, refuse: (expected: string) => never): number {
  const value = Number(text);
  return /^\d{1,8}$/.test(text) && value >= min && value <= max ? value : refuse(`${min} to ${max}`);
}

function flag(text: string, refuse: (expected: string) => never): boolean {
  if (/^(true|1)$/.test(text)) return true;
  return /^(false|0)$/.test(text) ? false : refuse("true or false");
}

function linkName(text: string, refuse: (expected: string) => never): string {
  return /^[a-zA-Z0-9][\w.-]{0,14}$/.test(text) ? text : refuse("a link name of up to 15 characters");
}

function address(text: string, refuse: (expected: string) => never): string {
  if (parseIpv4(text) !== undefined) return text;
  const value = parseIpv6(text);
  return value === undefined ? refuse("an address such as 10.0.0.2") : formatIpv6(value);
}

function oneOf(words: readonly string[]): Read {
  return (draft, text, refuse) => {
    draft.mode = words.includes(text) ? text : refuse(words.join(", "));
  };
}

const mtu: Read = (draft, text, refuse) => {
  // The least that IPv4 asks for (RFC 791), and the most that the kernel gives a veth.
  draft.mtu = number(text, 68, 65_535, refuse);
};
const parent: Read = (draft, text, refuse) => {
  draft.parent = linkName(text, refuse);
};

const switched: Readonly<Record<string, Read>> = {
  mtu,
  icc: (draft, text, refuse) => {
    draft.icc = flag(text, refuse);
  },
  masquerade: (draft, text, refuse) => {
    draft.masquerade = flag(text, refuse);
  },
  bridge: (draft, text, refuse) => {
    draft.bridge = linkName(text, refuse);
  },
  host_binding_ipv4: (draft, text, refuse) => {
    draft.hostBinding = parseIpv4(text) === undefined ? refuse("an IPv4 address such as 0.0.0.0") : text;
  },
};

const tunnel = (draft: Draft): NonNullable<Draft["tunnel"]> => {
  draft.tunnel ??= {};
  return draft.tunnel;
};

const readers: Readonly<Record<NetworkDriver, Readonly<Record<string, Read>>>> = {
  bridge: {
    ...switched,
    vlan: (draft, text, refuse) => {
      draft.vlan = number(text, 1, 4094, refuse);
    },
    parent,
  },
  macvlan: { mtu, parent, macvlan_mode: oneOf(["bridge", "private", "vepa", "passthru"]) },
  ipvlan: { mtu, parent, ipvlan_mode: oneOf(["l2", "l3", "l3s"]) },
  link: { mtu },
  vxlan: {
    ...switched,
    vni: (draft, text, refuse) => {
      // 24 bits.
      tunnel(draft).vni = number(text, 1, 16_777_215, refuse);
    },
    remote: (draft, text, refuse) => {
      const remotes = text.split(",").map((word) => address(word, refuse));
      if (new Set(remotes.map((remote) => remote.includes(":"))).size > 1) refuse("addresses of one family");
      tunnel(draft).remotes = remotes;
    },
    local: (draft, text, refuse) => {
      tunnel(draft).local = address(text, refuse);
    },
    dev: (draft, text, refuse) => {
      tunnel(draft).dev = linkName(text, refuse);
    },
    port: (draft, text, refuse) => {
      tunnel(draft).port = number(text, 1, 65_535, refuse);
    },
  },
};

/** docker's names for them. */
const aliases: Readonly<Record<string, string>> = {
  "com.docker.network.driver.mtu": "mtu",
  "com.docker.network.bridge.enable_icc": "icc",
  "com.docker.network.bridge.enable_ip_masquerade": "masquerade",
  "com.docker.network.bridge.name": "bridge",
  "com.docker.network.bridge.host_binding_ipv4": "host_binding_ipv4",
};

/** Every driver's name. */
export const driverNames = Object.keys(readers) as readonly NetworkDriver[];

/** The driver of that name. @throws UsageError */
export function readDriver(text: string): NetworkDriver {
  const found = driverNames.find((name) => name === text);
  if (found === undefined) throw new UsageError(`--driver: ${text}: expected ${driverNames.join(", ")}`);
  return found;
}

/** What IFNAMSIZ leaves for a name. */
const longestName = 15;

function vlanName({ vlan, parent: below }: Draft): string | undefined {
  if (vlan === undefined && below === undefined) return undefined;
  if (below === undefined)
    throw new UsageError("network option vlan: needs parent: the link that carries it");
  if (vlan === undefined)
    throw new UsageError("network option parent: needs vlan: which one shall the bridge have?");
  const name = `${below}.${vlan}`;
  if (name.length > longestName)
    throw new UsageError(`network option parent: ${name}: longer than ${longestName} characters`);
  return name;
}

function tunnelOf({ tunnel: given = {} }: Draft): VxlanSettings {
  const { vni, remotes } = given;
  if (vni === undefined) throw new UsageError("--driver vxlan: needs -o vni=NUMBER, the same on all hosts");
  if (remotes === undefined)
    throw new UsageError("--driver vxlan: needs -o remote=ADDRESS[,ADDRESS...] of the other hosts");
  const { local } = given;
  if (local !== undefined && local.includes(":") !== remotes[0]?.includes(":"))
    throw new UsageError(`network option local: ${local}: of another family than remote`);
  // IANA's port for it.
  return { port: 4789, ...given, vni, remotes };
}

/**
 * The options as settings of a network.
 * @throws UsageError for one that the driver does not know, its value, or one that is missing.
 */
export function readOptions(driver: NetworkDriver, options: Readonly<Record<string, string>>): Settings {
  const draft: Draft = {};
  const known = readers[driver];
  const names = [
    ...Object.keys(known),
    ...Object.keys(aliases).filter((alias) => Object.hasOwn(known, aliases[alias] ?? "")),
  ];
  for (const [option, text] of Object.entries(options)) {
    const name = Object.hasOwn(aliases, option) ? aliases[option] : option;
    const read = name !== undefined && Object.hasOwn(known, name) ? known[name] : undefined;
    if (read === undefined)
      throw new UsageError(
        `network option ${option}: expected one of ${names.join(", ")} with --driver ${driver}`,
      );
    read(draft, text, (expected) => {
      throw new UsageError(`network option ${option}: ${text}: expected ${expected}`);
    });
  }
  return complete(driver, draft);
}

function complete(driver: NetworkDriver, draft: Draft): Settings {
  const { vlan: _, tunnel: __, ...settings } = draft;
  switch (driver) {
    case "bridge": {
      const name = vlanName(draft);
      return name === undefined ? settings : { ...settings, parent: name };
    }
    case "macvlan":
    case "ipvlan":
      if (draft.parent === undefined)
        throw new UsageError(`--driver ${driver}: needs -o parent=LINK, such as eth0 or eth0.50 for VLAN 50`);
      return { mode: driver === "macvlan" ? "bridge" : "l2", ...settings, bridge: draft.parent };
    case "vxlan":
      return { ...settings, vxlan: tunnelOf(draft) };
    case "link":
      return settings;
    default:
      return driver satisfies never;
  }
}
