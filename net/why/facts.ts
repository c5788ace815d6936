import type { LinkAddress } from "../netlink/address.ts";
import type { FdbEntry } from "../netlink/fdb.ts";
import type { LinkDetail } from "../netlink/link-detail.ts";
import type { Neighbour } from "../netlink/neighbour.ts";
import type { PolicyRule } from "../netlink/policy-rule.ts";
import type { Qdisc } from "../netlink/qdisc.ts";
import type { Route } from "../netlink/route.ts";

/** What one network namespace looked like at one moment: all that the checks of a path read. */
export interface Facts {
  readonly links: readonly LinkDetail[];
  readonly addresses: readonly LinkAddress[];
  readonly routes: readonly Route[];
  readonly rules: readonly PolicyRule[];
  readonly neighbours: readonly Neighbour[];
  readonly fdb: readonly FdbEntry[];
  readonly qdiscs: readonly Qdisc[];
  /** Settings by their path below /proc/sys; those that the kernel does not have are absent. */
  readonly sysctls: Readonly<Record<string, string>>;
}

/** The link of that index, if it is there. */
export function linkOf(facts: Facts, index: number | undefined): LinkDetail | undefined {
  return index === undefined ? undefined : facts.links.find((link) => link.index === index);
}

/** The link of that name, if it is there. */
export function linkNamed(facts: Facts, name: string): LinkDetail | undefined {
  return facts.links.find((link) => link.name === name);
}

/** The addresses of a link. */
export function addressesOf(facts: Facts, link: LinkDetail): LinkAddress[] {
  return facts.addresses.filter((one) => one.link === link.index);
}

/** True for an address that the namespace itself has. */
export function isOwn(facts: Facts, address: string): boolean {
  return (
    address === "::1" || address.startsWith("127.") || facts.addresses.some((one) => one.address === address)
  );
}
