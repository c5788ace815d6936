import { type FaultId, faults } from "../../net/why/faults.ts";

interface Stop {
  readonly name: string;
  readonly looks: string;
  readonly faults: readonly FaultId[];
}

/** The hops in the order in which `network why` looks at them, and what can be wrong there. */
const stops: readonly Stop[] = [
  {
    name: "container",
    looks: "the process that holds the network namespace: alive?",
    faults: ["not-running", "namespace-gone"],
  },
  {
    name: "link, cable, bridge",
    looks:
      "the interface inside, the other end of its veth pair on the host, the bridge that this is a port of, or the link of the host that a macvlan or ipvlan stands on: there, up, plugged in where it belongs?",
    faults: [
      "no-link",
      "link-down",
      "host-end-down",
      "detached",
      "parent-down",
      "bridge-missing",
      "bridge-down",
    ],
  },
  {
    name: "address, MAC, gateway",
    looks:
      "the leased address with the network's prefix length, on nobody else; the MAC on nobody else; the gateway's address on the bridge",
    faults: ["no-address", "wrong-prefix", "duplicate-address", "duplicate-mac", "bridge-address"],
  },
  {
    name: "policy rules and route",
    looks:
      "the kernel itself is asked (RTM_GETROUTE) where it would send the packet; that is held against the main table and what the container was given",
    faults: ["policy-rule", "no-route", "wrong-route", "internal", "no-uplink"],
  },
  {
    name: "neighbour",
    looks:
      "the MAC address that the sender believes in, against the receiver's real one; whether the two can meet at all",
    faults: ["neighbour", "no-neighbour", "parent-host", "macvlan-mode"],
  },
  {
    name: "queue",
    looks: "the queueing discipline of every link that sends the packet",
    faults: ["qdisc"],
  },
  { name: "mtu", looks: "the MTU of every link of the wire, against the sender's", faults: ["mtu"] },
  {
    name: "switch",
    looks: "the states of both ports, isolation, and behind which port the bridge believes the receiver",
    faults: ["port-state", "isolated", "fdb"],
  },
  {
    name: "rp_filter and forwarding",
    looks: "in each namespace that the packet comes into: may it come in by this link, is it passed on?",
    faults: ["rp-filter", "ip-forward"],
  },
  {
    name: "firewall",
    looks:
      "each chain in the order in which the packet meets it, in the sender, on the host and in the receiver: every rule that iptables-save shows is held against the packet, in both backends; a condition that cannot be judged (limit, statistic, set) is decided by the probe and the rule's counter",
    faults: [
      "firewall-user",
      "isolation",
      "unpublished-port",
      "firewall-host",
      "firewall-inside",
      "firewall-foreign",
    ],
  },
  {
    name: "port mapping and NAT",
    looks:
      "where DNAT leads, against what is published; whether what leaves for the outside gets the host's address",
    faults: ["port-mapping", "nat-missing"],
  },
  {
    name: "conntrack",
    looks: "room in the table, and entries of this flow that contradict the rules",
    faults: ["conntrack-full", "conntrack-stale"],
  },
  {
    name: "listener",
    looks: "the sockets of the namespace in which the packet arrives (/proc/PID/net/tcp, tcp6, udp, udp6)",
    faults: ["not-listening", "loopback-only", "echo-ignored"],
  },
  {
    name: "name",
    looks: "/etc/hosts and the servers of the sender's own /etc/resolv.conf, asked from its namespace",
    faults: ["dns-server", "name-unknown"],
  },
  {
    name: "probe",
    looks:
      "a real packet from the sender's namespace: an echo request, a TCP connection, or a datagram that waits for ICMP errors; then an echo as long as the link allows. It decides. Meanwhile every link on the way is watched: where nothing else explains a loss, the last place where the packet was seen is told",
    faults: ["outside", "unexplained"],
  },
];

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

function section({ name, looks, faults: ids }: Stop): string {
  const parts = ids.map((id) => {
    const { title, looks: seen, because, mended } = faults[id];
    return `### ${title} (\`${id}\`)\n\n- What it looks like: ${seen}.\n- Why: ${because}.\n- How it is mended: ${mended}.\n`;
  });
  return `## ${sentence(name).slice(0, -1)}\n\n${sentence(looks)}\n\n${parts.join("\n")}`;
}

/** docs/why.md: each hop and each fault, for those who learn. @throws Error when a fault belongs to no hop. */
export function whyPage(): string {
  const told = stops.flatMap((stop) => stop.faults);
  const missing = (Object.keys(faults) as FaultId[]).filter(
    (id) => told.filter((one) => one === id).length !== 1,
  );
  if (missing.length > 0) throw new Error(`not once in scripts/docs/why.ts: ${missing.join(", ")}`);
  const rows = stops.map(
    ({ name, faults: ids }, at) => `| ${at + 1} | ${name} | ${ids.map((id) => `\`${id}\``).join(", ")} |`,
  );
  return `<!-- Made by scripts/docs/main.ts from net/why/faults.ts and scripts/docs/why.ts: change those. -->

# Why does it not get there?

\`mdocker network why FROM TO\` walks the way of a packet through the kernel's own tables, hop by hop, there and back, and then
sends one. It changes nothing, and starts no process but \`iptables-save\` and \`nft list\`.

\`\`\`
mdocker network why web db               # an echo request
mdocker network why web db:5432          # a TCP connection
mdocker network why web 10.200.1.1:53/udp
mdocker network why web outside          # the host's own gateway
mdocker network why web example.com:443
mdocker network why host web:80
mdocker network why outside web:80       # by the rules alone: from there no packet can be sent
\`\`\`

Every hop is one line: where, what, \`ok\`, \`?\` (cannot be judged by the rules alone) or \`FAIL\`, and what was seen; those with an
arrow are on the way of the answer. After the lines comes what really happened to the packet, and for the first hop that
fails the evidence, the reason, and commands that mend it: copy them, run them, ask again. \`--json\` has all of it.

The exit code is 0 when the packet got through and no hop fails, else 1: also for a fault that hurts only some packets, such
as a duplicate address, or an MTU that lets short ones pass. A question that makes no sense ends with 1 and one line on stderr.

| | hop | what can be wrong |
|---|---|---|
${rows.join("\n")}

Each fault below is made for real in the tests (tests/root/net/why), named by \`why\`, and mended by the very commands that it
prints.

${stops.map(section).join("\n")}`;
}
