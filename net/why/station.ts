import type { Facts } from "./facts.ts";
import type { SavedTable } from "./firewall/ruleset.ts";

/** What mdocker gave a container on one network: how its interface is meant to be. */
export interface Given {
  readonly network: string;
  readonly ifname: string;
  readonly hostName: string;
  readonly bridge: string;
  readonly address: string;
  readonly prefixLength: number;
  readonly address6?: string | undefined;
  readonly prefixLength6?: number | undefined;
  readonly gateway?: string | undefined;
  readonly gateway6?: string | undefined;
  readonly mac: string;
}

/** A network namespace on the path, with what was found in it. */
export interface Station {
  /** As the user calls it: a container's name, or `host`. */
  readonly name: string;
  readonly kind: "host" | "container";
  /** A process in it, as the host numbers it: for commands that go there. */
  readonly pid: number;
  readonly given: readonly Given[];
  readonly facts: Facts;
  /** Its packet filter, table by table. */
  readonly tables: readonly SavedTable[];
  /** Rulesets of nftables that do not belong to iptables. */
  readonly foreign: readonly ForeignChain[];
}

/** A base chain of nftables that is none of iptables' own, and refuses something. */
export interface ForeignChain {
  /** `inet filter` */
  readonly table: string;
  readonly chain: string;
  /** `prerouting`, `input`, `forward`, `output`, `postrouting`, `ingress`. */
  readonly hook: string;
  readonly policy: string;
  /** Rules that drop or reject, in this chain or those it may jump to: as nft can delete them. */
  readonly refusals: readonly {
    readonly chain: string;
    readonly handle: number;
    readonly packets?: number;
  }[];
}

/** What goes before a command so that it acts in the station's network namespace. */
export function enter({ kind, pid }: Pick<Station, "kind" | "pid">): string {
  return kind === "host" ? "" : `nsenter -t ${pid} -n `;
}
