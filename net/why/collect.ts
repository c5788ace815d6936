import { readFileSync } from "node:fs";
import { hasErrno } from "../../src/core/errors.ts";
import { join } from "../../src/core/join.ts";
import { insideNetns } from "../../src/sys/namespaces.ts";
import { dumpAddresses, parseAddress } from "../netlink/address.ts";
import { withNetlink } from "../netlink/client.ts";
import { dumpFdb, parseFdbEntry } from "../netlink/fdb.ts";
import type { Family } from "../netlink/ip.ts";
import { dumpLinkDetails, parseLinkDetail } from "../netlink/link-detail.ts";
import { dumpNeighbours, parseNeighbour } from "../netlink/neighbour.ts";
import { dumpPolicyRules, parsePolicyRule } from "../netlink/policy-rule.ts";
import { dumpQdiscs, parseQdisc } from "../netlink/qdisc.ts";
import { dumpRoutes, parseRoute } from "../netlink/route.ts";
import { lookUpRoute, parseRouteAnswer, type RouteQuery } from "../netlink/route-lookup.ts";
import type { Facts } from "./facts.ts";
import type { Routing } from "./way.ts";

const general = [
  "net/ipv4/ip_forward",
  "net/ipv6/conf/all/forwarding",
  "net/ipv4/icmp_echo_ignore_all",
  "net/netfilter/nf_conntrack_count",
  "net/netfilter/nf_conntrack_max",
  "net/bridge/bridge-nf-call-iptables",
  "net/bridge/bridge-nf-call-ip6tables",
];

function readSysctls(links: readonly string[]): Record<string, string> {
  const perLink = ["all", ...links].flatMap((link) => [
    `net/ipv4/conf/${link}/rp_filter`,
    `net/ipv4/conf/${link}/forwarding`,
  ]);
  const found: Record<string, string> = {};
  for (const path of [...general, ...perLink]) {
    try {
      found[path] = readFileSync(join("/proc/sys", path), "utf8").trim();
    } catch (error) {
      // Not in this kernel, or a link that has just gone.
      if (!hasErrno(error, "ENOENT", "EACCES", "EIO")) throw error;
    }
  }
  return found;
}

/** The links whose settings are read: bridges by the hundred have ports by the thousand, whose settings say nothing. */
const settingsMatter = ({ master }: { readonly master?: number | undefined }): boolean =>
  master === undefined;

/** Looks into the network namespace `netns` (an open file of it), as far as packets of that family go. */
export function collectFacts(netns: number, family: Family): Facts {
  return insideNetns(netns, () =>
    withNetlink((client) => {
      const links = client.dump(dumpLinkDetails()).map(parseLinkDetail);
      const names = links.filter(settingsMatter).map(({ name }) => name);
      return {
        links,
        addresses: client.dump(dumpAddresses(0, family)).map(parseAddress),
        routes: client.dump(dumpRoutes(family)).map(parseRoute),
        rules: client.dump(dumpPolicyRules(family)).map(parsePolicyRule),
        neighbours: client.dump(dumpNeighbours(family)).map(parseNeighbour),
        fdb: links.some(({ kind }) => kind === "bridge") ? client.dump(dumpFdb()).map(parseFdbEntry) : [],
        qdiscs: client.dump(dumpQdiscs()).map(parseQdisc),
        sysctls: readSysctls(names),
      };
    }),
  );
}

/** Only links and addresses: all that is asked of containers beside the path, which may be many. */
export function collectAddresses(netns: number, family: Family): Facts {
  return insideNetns(netns, () =>
    withNetlink((client) => ({
      links: client.dump(dumpLinkDetails()).map(parseLinkDetail),
      addresses: client.dump(dumpAddresses(0, family)).map(parseAddress),
      routes: [],
      rules: [],
      neighbours: [],
      fdb: [],
      qdiscs: [],
      sysctls: {},
    })),
  );
}

/** Asks the kernel for the way that a packet would take in the namespace. */
export function askRoute(netns: number, query: RouteQuery): Routing {
  try {
    return insideNetns(netns, () =>
      withNetlink((client) => parseRouteAnswer(client.get(lookUpRoute(query)))),
    );
  } catch (error) {
    if (error instanceof Error && "errno" in error) return { refused: String(error.errno) };
    throw error;
  }
}
