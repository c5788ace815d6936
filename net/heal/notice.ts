import { shortPrefix } from "../../src/core/paths.ts";
import { Attributes } from "../netlink/attribute.ts";
import { type Link, parseLink } from "../netlink/link.ts";
import type { NetlinkMessage } from "../netlink/message.ts";
import type { Actual } from "./actual.ts";
import { linkLacks } from "./difference.ts";
import type { WantedLink } from "./wanted.ts";

/** include/uapi/linux/rtnetlink.h and netconf.h. */
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_DELADDR = 21;
const RTM_DELROUTE = 25;
const RTM_NEWNETCONF = 80;
const RTA_OIF = 4;
const NETCONFA_IFINDEX = 1;
/** In place of an index: the settings of all links. */
const NETCONFA_IFINDEX_ALL = 0xffffffff;

/**
 * What a change means for us: nothing; one look `soon`, as it is about something that was made since the last one; or
 * `now`: something of ours is not as it shall be, or has gone.
 */
export type Urgency = "none" | "soon" | "now";

/** What the last look has found, to judge changes by. */
export class Known {
  readonly #owner: string;
  readonly #links: ReadonlyMap<string, WantedLink>;
  readonly #indexes: ReadonlyMap<string, number>;
  readonly #watched: ReadonlySet<number>;

  constructor(owner: string, links: readonly WantedLink[], actual: Actual | undefined) {
    this.#owner = owner;
    this.#links = new Map(links.map((link) => [link.name, link]));
    this.#indexes = new Map(
      (actual?.links ?? []).flatMap(({ name, index }) => (this.#links.has(name) ? [[name, index]] : [])),
    );
    this.#watched = new Set(this.#indexes.values());
  }

  /** Judges one message of the groups that {@link watchLinks} joins. */
  judge({ type, payload }: NetlinkMessage): Urgency {
    switch (type) {
      case RTM_NEWLINK:
      case RTM_DELLINK:
        // Others than those of AF_UNSPEC tell of one protocol's part of a link alone.
        return payload[0] === 0 ? this.#judgeLink(parseLink(payload), type === RTM_DELLINK) : "none";
      case RTM_DELADDR:
        // struct ifaddrmsg: index u32@4
        return payload.length >= 8 && this.#isWatched(word(payload, 4)) ? "now" : "none";
      case RTM_DELROUTE:
        return this.#isWatched(new Attributes(payload.subarray(12), "RTM_DELROUTE").u32(RTA_OIF))
          ? "now"
          : "none";
      case RTM_NEWNETCONF: {
        // struct netconfmsg: family u8@0, padded to 4
        const index = new Attributes(payload.subarray(4), "RTM_NEWNETCONF").u32(NETCONFA_IFINDEX);
        return index === NETCONFA_IFINDEX_ALL || this.#isWatched(index) ? "now" : "none";
      }
      default:
        return "none";
    }
  }

  #isWatched(index: number | undefined): boolean {
    return index !== undefined && this.#watched.has(index);
  }

  #judgeLink(link: Link, gone: boolean): Urgency {
    const { name, index, alias } = link;
    const wanted = this.#links.get(name);
    if (wanted === undefined) {
      // Of ours, but made since: not to be judged yet. One of ours that was renamed is found by its number.
      if (this.#watched.has(index)) return "now";
      const ours =
        alias?.startsWith(`${this.#owner}:`) === true || name.startsWith(`${shortPrefix(this.#owner)}v`);
      return ours && !gone ? "soon" : "none";
    }
    if (gone || index !== this.#indexes.get(name)) return "now";
    return linkLacks(wanted, link, (master) => this.#indexes.get(master)).length > 0 ? "now" : "none";
  }
}

function word(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);
}
