import type { Network } from "../../net/network.ts";
import type { Publication } from "../../net/ports/publication.ts";
import type { PublishedPort } from "../../src/core/port-mapping.ts";

/** One combination of networks and what is published on them; its golden file has its name. */
export interface FirewallCase {
  readonly name: string;
  readonly networks: readonly Network[];
  readonly publications: readonly Publication[];
}

const plain: Network = {
  name: "bridge",
  owner: "mdocker",
  bridge: "mdocker0",
  subnet: "10.200.1.0/24",
  gateway: "10.200.1.1",
  internal: false,
  icc: true,
  masquerade: true,
};
const lab: Network = {
  ...plain,
  name: "lab",
  bridge: "mdocker-1a2b3c",
  subnet: "10.77.1.0/24",
  gateway: "10.77.1.1",
};
const v6 = { subnet6: "fd12:3456:789a:1::/64", gateway6: "fd12:3456:789a:1::1" };

const kinds: Readonly<Record<string, Partial<Network>>> = {
  plain: {},
  "icc-off": { icc: false },
  routed: { masquerade: false },
  internal: { internal: true },
  "icc-off-routed": { icc: false, masquerade: false },
  "icc-off-internal": { icc: false, internal: true },
};

function port(text: string): PublishedPort {
  const [, address = "", host = "", container = "", protocol = "tcp"] =
    /^(.*):(\d+):(\d+)(?:\/(\w+))?$/.exec(text) ?? [];
  return {
    protocol: protocol as PublishedPort["protocol"],
    containerPort: Number(container),
    hostAddress: address,
    hostPort: Number(host),
  };
}

const portSets: Readonly<Record<string, readonly string[]>> = {
  "no-ports": [],
  localhost: ["127.0.0.1:8080:80"],
  hairpin: ["0.0.0.0:8080:80"],
  address: ["192.0.2.1:8080:80"],
  mixed: [
    "127.0.0.1:8080:80",
    "0.0.0.0:53:53/udp",
    "192.0.2.1:9000:9000/sctp",
    "127.0.0.2:8081:80",
    "0.0.0.0:8443:443",
  ],
};
const portSets6: Readonly<Record<string, readonly string[]>> = {
  "no-ports": [],
  localhost: ["fd00::1:8080:80"],
  hairpin: [":::8080:80"],
  address: ["fe80::1:8080:80"],
  mixed: [":::53:53/udp", ":::8443:443", "fd00::1:9000:9000/sctp"],
};

const id = (letter: string): string => letter.repeat(64);

function publication(network: Network, ports: readonly string[], letter = "c", last = 2): Publication {
  const [a, b, c] = network.gateway.split(".");
  return {
    network: network.name,
    container: id(letter),
    address: `${a}.${b}.${c}.${last}`,
    ...(network.subnet6 === undefined ? {} : { address6: `fd12:3456:789a:1::${last}` }),
    ports: ports.map(port),
  };
}

function combinations(): FirewallCase[] {
  return Object.entries(kinds).flatMap(([kind, settings]) =>
    Object.entries(portSets).flatMap(([set, ports]) =>
      [false, true].map((with6): FirewallCase => {
        const network = { ...plain, ...settings, ...(with6 ? v6 : {}) };
        const all = [...ports, ...(with6 ? (portSets6[set] ?? []) : [])];
        return {
          name: `${kind}-${set}${with6 ? "-v6" : ""}`,
          networks: [network],
          publications: all.length === 0 ? [] : [publication(network, all)],
        };
      }),
    ),
  );
}

const two = [plain, lab];

/** Every combination that the golden files pin. */
export const firewallCases: readonly FirewallCase[] = [
  ...combinations(),
  { name: "no-network", networks: [], publications: [] },
  {
    name: "two-networks-with-ports",
    networks: two,
    publications: [
      publication(lab, ["0.0.0.0:8081:80"], "b"),
      publication(plain, ["127.0.0.1:8080:80"], "a"),
    ],
  },
  {
    name: "two-containers-with-ports",
    networks: [plain],
    publications: [
      publication(plain, ["127.0.0.1:8080:80"], "a", 2),
      publication(plain, ["127.0.0.1:8081:80", "0.0.0.0:8082:80"], "b", 3),
    ],
  },
  {
    name: "internal-beside-published",
    networks: [{ ...lab, internal: true }, plain],
    publications: [publication(plain, ["0.0.0.0:8080:80"], "a")],
  },
  {
    name: "routed-beside-masqueraded",
    networks: [{ ...lab, masquerade: false }, plain],
    publications: [
      publication({ ...lab, masquerade: false }, ["0.0.0.0:8081:80"], "a"),
      publication(plain, ["0.0.0.0:8080:80"], "b"),
    ],
  },
  {
    name: "published-on-a-network-that-is-down",
    networks: [plain],
    publications: [publication(lab, ["0.0.0.0:8081:80"], "b")],
  },
  {
    name: "v6-beside-v4",
    networks: [{ ...lab, ...v6 }, plain],
    publications: [
      publication({ ...lab, ...v6 }, ["0.0.0.0:8081:80", ":::8081:80"], "a"),
      publication(plain, ["127.0.0.1:8080:80"], "b"),
    ],
  },
  { name: "a-link-without-a-bridge", networks: [{ ...lab, driver: "macvlan" }, plain], publications: [] },
];
