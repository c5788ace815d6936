import { readFileSync } from "node:fs";
import { isAddress } from "../../../net/why/block.ts";
import { fail, type Hop, note, pass } from "../../../net/why/hop.ts";
import type { Participant } from "../../../net/why/inquiry.ts";
import { askName, candidates, type NameAnswer } from "../../../net/why/names.ts";
import { parseResolvConf, type Resolvers } from "../../core/resolv-conf.ts";
import { readTextInside, rootOf } from "../inside.ts";

/** How one side resolves names: its resolv.conf and hosts. */
interface ResolverFiles {
  readonly resolvers: Resolvers;
  readonly hosts: string;
}

function readFiles(from: Participant): ResolverFiles {
  const plain = (path: string): string => {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return "";
    }
  };
  if (from.kind === "host") {
    return { resolvers: parseResolvConf(plain("/etc/resolv.conf")), hosts: plain("/etc/hosts") };
  }
  const root = rootOf({ pid: from.pid, startTime: "" });
  try {
    const inside = (path: string): string => readTextInside(root, path) ?? "";
    return { resolvers: parseResolvConf(inside("/etc/resolv.conf")), hosts: inside("/etc/hosts") };
  } finally {
    root.close();
  }
}

function fromHosts(hosts: string, name: string): string | undefined {
  const lines = hosts.split("\n").map((line) => line.replace(/#.*$/, "").trim().split(/\s+/));
  return lines.find(([, ...names]) => names.includes(name))?.[0];
}

/** What came of a name. */
export interface NameLookup {
  readonly addresses: readonly string[];
  readonly by: string;
  readonly asked: readonly NameAnswer[];
  readonly servers: readonly string[];
}

/** Looks a name up as a program of `from` would: /etc/hosts, then the servers of resolv.conf one after the other. */
export function lookUpName(from: Participant, name: string): NameLookup {
  const { resolvers, hosts } = readFiles(from);
  const servers = resolvers.nameservers.filter((server) => isAddress(server));
  const known = fromHosts(hosts, name);
  if (known !== undefined) return { addresses: [known], by: "/etc/hosts", asked: [], servers };
  const asked: NameAnswer[] = [];
  for (const candidate of candidates(name, resolvers)) {
    for (const server of servers) {
      const answer = askName(from.netns, server, candidate);
      asked.push(answer);
      if (answer.addresses.length > 0) return { addresses: answer.addresses, by: server, asked, servers };
      // A server that knows no such name has answered: the others are not asked.
      if (answer.outcome === "unknown" || answer.outcome === "answered") break;
    }
    if (asked.every(({ outcome }) => outcome !== "unknown" && outcome !== "answered")) break;
  }
  return { addresses: [], by: "", asked, servers };
}

/** The servers that mdocker gives a container: those of its networks, where the gateway is this host. */
function ownServers({ given }: Participant): string[] {
  return given.flatMap(({ gateway, bridge }) => (bridge === "" ? [] : (gateway ?? [])));
}

function wrongServer(
  from: Participant,
  place: Pick<Hop, "at" | "what">,
  seen: string,
  lookup: NameLookup,
): Hop {
  const [right] = ownServers(from);
  const mend =
    right === undefined ? [] : [`echo nameserver ${right} > /proc/${from.pid}/root/etc/resolv.conf`];
  return fail(place, "dns-server", seen, {
    evidence: [
      `nameservers in ${from.name}'s /etc/resolv.conf: ${lookup.servers.join(", ") || "none"}; the network's own: ${right ?? "none"}`,
    ],
    mend: from.kind === "host" ? [] : mend,
  });
}

function withoutServer({ given }: Participant): string {
  const names = given.map(({ network }) => network).join(", ");
  return `on ${names || "no network"} containers have no names: mdocker's name servers are at gateways of this host (--add-host)`;
}

/** True when a network's own server answers at all: whose address the gateway's is, it says without asking anybody. */
function isAlive(from: Participant, server: string): boolean {
  const reversed = `${server.split(".").reverse().join(".")}.in-addr.arpa`;
  const { outcome } = askName(from.netns, server, reversed);
  return outcome === "answered" || outcome === "unknown";
}

interface NameQuestion {
  readonly from: Participant;
  readonly name: string;
  readonly lookup: NameLookup;
  /** The addresses that the name should have; none for a name of the outside. */
  readonly expected: readonly string[];
  /** For a container's name: the networks that both are on, and one that only the other is on. */
  readonly shared: readonly string[];
  readonly theirs: string | undefined;
}

/** Whether a name leads where it should: the servers that were asked, and what they said. */
export function checkName({ from, name, lookup, expected, shared, theirs }: NameQuestion): Hop {
  const place = { at: from.name, what: `name ${name}` };
  const { addresses, by, asked, servers } = lookup;
  const right = addresses.some((address) => expected.length === 0 || expected.includes(address));
  if (right) return pass(place, `${addresses.join(", ")}, says ${by}`);
  const own = ownServers(from);
  const ours = servers.some((server) => own.includes(server));
  const said = asked.map(({ server, name: one, said: what }) => `${server} on ${one}: ${what}`).join("; ");
  const foreign = own.length === 0 && expected.length > 0 && from.kind === "container";
  if (foreign) return note(place, withoutServer(from));
  if (servers.length === 0) return wrongServer(from, place, "no server is named in /etc/resolv.conf", lookup);
  const dumb =
    asked.length > 0 && asked.every(({ outcome }) => outcome === "silent" || outcome === "refused");
  const alive = servers.some((server) => own.includes(server) && isAlive(from, server));
  if (dumb && ours && !alive) {
    return fail(place, "dns-server", said, {
      evidence: ["that is the network's own server: nobody answers there; a supervisor would"],
      mend: ["mdocker supervisor >/dev/null 2>&1 &"],
    });
  }
  if ((dumb && !alive) || (!ours && own.length > 0 && expected.length > 0))
    return wrongServer(from, place, said, lookup);
  const wrong = addresses.length > 0 ? `${addresses.join(", ")}, says ${by}` : said;
  if (expected.length === 0) return fail(place, "name-unknown", said);
  if (from.kind === "host")
    return note(place, "the host's resolver does not know containers: mdocker network resolve does");
  const [network] = shared;
  return fail(place, "name-unknown", wrong, {
    evidence: [
      `it should be ${expected.join(" or ")}`,
      ...(alive
        ? ["the server knows its networks, and not this name: it asks the host's servers for it"]
        : []),
    ],
    mend:
      network === undefined
        ? theirs === undefined
          ? []
          : [`mdocker network connect ${theirs} ${from.name}`]
        : [
            `mdocker network disconnect ${network} ${name}`,
            `mdocker network connect --ip ${expected[0]} ${network} ${name}`,
          ],
  });
}
