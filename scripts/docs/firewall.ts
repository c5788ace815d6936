import { type Chain, type Family, quoted } from "../../net/chain.ts";
import type { Network } from "../../net/network.ts";
import type { Publication } from "../../net/ports/publication.ts";
import { desiredChains } from "../../net/rules.ts";

const bridge: Network = {
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
  ...bridge,
  name: "lab",
  bridge: "mdocker-1a2b3c4",
  subnet: "10.200.2.0/24",
  gateway: "10.200.2.1",
  subnet6: "fd12:3456:789a:2::/64",
  gateway6: "fd12:3456:789a:2::1",
  icc: false,
};
const inside: Network = {
  ...bridge,
  name: "inside",
  bridge: "mdocker-5d6e7f8",
  subnet: "10.200.3.0/24",
  gateway: "10.200.3.1",
  internal: true,
};
const web: Publication = {
  network: "bridge",
  container: "3597f37d6212".padEnd(64, "0"),
  address: "10.200.1.2",
  ports: [{ protocol: "tcp", containerPort: 80, hostAddress: "127.0.0.1", hostPort: 8080 }],
};
const dns: Publication = {
  network: "lab",
  container: "4c71bb107ad3".padEnd(64, "0"),
  address: "10.200.2.2",
  address6: "fd12:3456:789a:2::2",
  ports: [
    { protocol: "udp", containerPort: 53, hostAddress: "0.0.0.0", hostPort: 5353 },
    { protocol: "udp", containerPort: 53, hostAddress: "::", hostPort: 5353 },
  ],
};

const places: Readonly<Record<Chain["kind"], string>> = {
  own: "own chain",
  user: "the user's own chain",
  "built-in-top": "at the top of the kernel's chain",
  "built-in-end": "at the end of the kernel's chain",
};

function sentence(reason: string): string {
  return `${reason.charAt(0).toUpperCase()}${reason.slice(1)}.`;
}

function chainSection({ table, name, kind, rules }: Chain): string {
  const heading = `### ${table}: \`${name}\` (${places[kind]})`;
  if (kind === "user")
    return `${heading}\n\nEmpty, and never touched: rules that you put here come before all of ours.\n`;
  if (rules.length === 0) return `${heading}\n\nEmpty.\n`;
  const lines = rules.map(({ words, reason }) => `- \`${quoted(words)}\`  \n  ${sentence(reason)}`);
  return `${heading}\n\n${lines.join("\n")}\n`;
}

function familySection(family: Family): string {
  const chains = desiredChains("mdocker", [bridge, lab, inside], [web, dns], family);
  return chains.map(chainSection).join("\n");
}

/** docs/firewall.md: the rules of an example, each with the sentence that `--explain` has for it, and how they are kept. */
export function firewallPage(): string {
  return `<!-- Made by make docs from net/rules.ts and net/ports/rules.ts: change those. -->

# Firewall rules and published ports

What mdocker puts into iptables and ip6tables, rule by rule, for this example:

\`\`\`
mdocker network create --ipv6 --subnet 10.200.2.0/24 --subnet ${lab.subnet6} -o icc=false lab
mdocker network create --internal inside
mdocker run -d --name web -p 8080:80 ...
mdocker run -d --name dns --network lab -p 0.0.0.0:5353:53/udp -p [::]:5353:53/udp ...
\`\`\`

All rules are in chains of our own. The kernel's chains get one jump each, and every rule has a comment that names
the instance, the network and, of a published port, the container. \`mdocker run --explain\` prints the rules of one start with
the same reasons. \`MDOCKER_IPTABLES=nft|legacy\` chooses between the two backends; the rules are the same.

## IPv4

${familySection(4)}
## IPv6

Only for networks that have an IPv6 subnet.

${familySection(6)}
## Which address of the host

| asked for | bound to |
|---|---|
| \`-p 8080:80\`, \`-P\`, a docker client's \`HostIp: ""\` | 127.0.0.1, or what the network's option \`host_binding_ipv4\` says |
| \`-p 192.0.2.1:8080:80\` | that address, which must be the host's |
| \`-p 0.0.0.0:8080:80\` | all IPv4 addresses of the host; a line says what that opens |
| \`-p [::]:8080:80\` | all IPv6 addresses; the network must have IPv6. ::1 alone cannot be published: the kernel leads nothing away from it |

Without a host port any free one is taken; of a range for one port of the container the first that is free. With several networks
the ports lead to the one of the default route, and follow when that changes (\`network connect\` and \`disconnect\`). On an internal
network nothing is published, and a line says so.

## A port that is taken

Before anything of a container is made, each port is bound by a socket, in the host's own network namespace: a port that a
program listens on, that another container publishes, or whose address the host does not have ends the start with one line that
says who has it. Of two starts at once the kernel gives it to one. The sockets are never listened on; the container's monitor
holds them open as long as the container lives. So a program that wants the same port later is refused by the kernel with
EADDRINUSE, and no file has to be trusted. What is not prevented: a program may listen on the same port of *another* address (with
\`-p 8080:80\` on 192.0.2.1:8080, say), and where the kernel has no sctp there are no sctp sockets to hold: only containers are
kept apart then.

## What it costs

A network's rules are made once, by one iptables-save and one iptables-restore. A container without ports starts no process. One with
ports starts one \`iptables-restore --noflush\` for each family, with exact lines for all tables, and looks at no other rule; when it
ends the same lines are deleted. Connections that were tracked of the port are forgotten by ctnetlink both times, so that an
old flow of udp does not go on to nowhere. \`net.ipv4.conf.BRIDGE.route_localnet\` is set while something on the bridge is
published on localhost, and put back then.

What is published is kept in \`networks/ports.json\` in the state directory, in the order of the rules, each entry with the process that
holds its sockets. After \`kill -9\` of everything the entry is dead: the next start that publishes, or is given the same address, and
\`mdocker gc\` take its rules away.
`;
}
