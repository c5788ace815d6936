import { closeSync } from "node:fs";
import { hasErrno, messageOf, SetupError, UsageError } from "../../src/core/errors.ts";
import { NetlinkSocket } from "../../src/sys/mnl.ts";
import { insideNetns } from "../../src/sys/namespaces.ts";
import { findLink } from "../link.ts";
import { NetlinkClient } from "../netlink/client.ts";
import { type Link, setLink } from "../netlink/link.ts";
import { dumpQdiscs, parseQdisc } from "../netlink/qdisc.ts";
import { bringBack, type LostMessage, losable } from "./lost.ts";
import { planQueue, type Queue, readQueue } from "./queue.ts";
import { type Impairment, needsNetem } from "./settings.ts";

/** `out`: what the container sends; `in`: what is sent to it. */
export type Direction = "in" | "out";

/** An interface of a container, and its other end where that is on the host. */
export interface CableAddress {
  /** Opens the container's network namespace. */
  readonly openNetns: () => number;
  readonly ifname: string;
  /**
   * Its other end, where it has one that can be reached: on the host, known by its alias, or in the network namespace of
   * another container.
   */
  readonly farEnd?: FarEnd | undefined;
}

/** The other end of a cable. */
export type FarEnd = { readonly name: string } & (
  | { readonly at: "host"; readonly alias: string }
  | { readonly at: "container"; readonly openNetns: () => number }
);

/** What is done to a link as a whole. */
export interface LinkState {
  readonly down: boolean;
  /** Of the container's end. */
  readonly mtu: number;
}

interface End {
  readonly client: NetlinkClient;
  readonly link: Link;
}

const ENOENT_HINT =
  "this kernel has no sch_netem: delay, jitter, loss, duplicates, corruption and reordering need it; --rate, --down and --mtu work without";

/**
 * The two ends of a container's link. What the container sends is impaired as it leaves the container's own end, what is
 * sent to it as it leaves the other end: each is the one place that all such packets pass. A container cannot change
 * either without CAP_NET_ADMIN.
 */
export class Cable implements Disposable {
  readonly ifname: string;
  readonly #inside: End;
  readonly #far: End | undefined;
  /** Whether that is the host's. */
  readonly #farOnHost: boolean;
  readonly #sockets: readonly NetlinkSocket[];

  /** @throws UsageError when the container has no such interface, SyscallError. */
  constructor({ openNetns, ifname, farEnd }: CableAddress) {
    this.ifname = ifname;
    const sockets: NetlinkSocket[] = [];
    const open = (): NetlinkClient => {
      const socket = new NetlinkSocket();
      sockets.push(socket);
      return new NetlinkClient(socket);
    };
    this.#sockets = sockets;
    const netns = openNetns();
    try {
      const inside = insideNetns(netns, open);
      const link = findLink(inside, ifname);
      if (link === undefined) throw new UsageError(`the container has no interface ${ifname}`);
      this.#inside = { client: inside, link };
      this.#far = farEnd === undefined ? undefined : findFarEnd(farEnd, open);
      this.#farOnHost = this.#far !== undefined && farEnd?.at === "host";
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    } finally {
      closeSync(netns);
    }
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket[Symbol.dispose]();
  }

  /** The directions that can be impaired. */
  get directions(): readonly Direction[] {
    return this.#far === undefined ? ["out"] : ["out", "in"];
  }

  /** Whether it is unplugged, and its MTU. */
  get state(): LinkState {
    return { down: !this.#plug.link.up, mtu: this.#inside.link.mtu };
  }

  /** The end that is set down: the host's, where there is one, because the container's then keeps what it has. */
  get #plug(): End {
    return this.#farOnHost && this.#far !== undefined ? this.#far : this.#inside;
  }

  #end(direction: Direction): End {
    if (direction === "out") return this.#inside;
    if (this.#far === undefined) {
      throw new UsageError(
        `--direction in: ${this.ifname} has no other end on this host: impair what is sent at the other side, with --direction out`,
      );
    }
    return this.#far;
  }

  /** What is done to packets in this direction now. @throws UsageError for a direction that this link has not. */
  read(direction: Direction): Queue {
    const { client, link } = this.#end(direction);
    const qdiscs = client.dump(dumpQdiscs()).map(parseQdisc);
    return readQueue(qdiscs.filter((one) => one.link === link.index));
  }

  /**
   * Makes a direction be impaired so. After a failure it is as it was.
   * @throws SetupError when the kernel cannot do it, UsageError when somebody else's qdisc is there.
   */
  write(direction: Direction, wanted: Impairment): void {
    const { client, link } = this.#end(direction);
    const before = this.read(direction);
    if (before.foreign !== undefined) {
      throw new UsageError(
        `${link.name} has a qdisc of somebody else (${before.foreign}): take it away first, with tc qdisc del dev ${link.name} root`,
      );
    }
    // One by one: after a message that failed, the next would do harm.
    try {
      for (const message of planQueue(link, before, wanted)) client.change(message);
    } catch (error) {
      const restored = this.#restore(direction, before.impairment);
      throw explained(error, wanted, restored);
    }
  }

  /** Best effort; what went wrong as a text. */
  #restore(direction: Direction, before: Impairment): string {
    try {
      const { client, link } = this.#end(direction);
      for (const message of planQueue(link, this.read(direction), before)) client.change(message);
      return "";
    } catch (error) {
      return `; and what was before cannot be set again: ${messageOf(error)}`;
    }
  }

  /** What the container would lose by {@link setDown}: nothing, where the host has an end. */
  get losable(): LostMessage[] {
    return this.#farOnHost ? [] : losable(this.#inside.client, this.#inside.link.index);
  }

  /** Pulls the plug or puts it in again, and with it what was lost then. */
  setDown(down: boolean, lost: readonly LostMessage[] = []): void {
    const { client, link } = this.#plug;
    client.change(setLink(link.index, { up: !down }));
    if (!down) bringBack(this.#inside.client, lost);
  }

  /** Sets the MTU of the container's end. @throws SetupError when the link cannot have it. */
  setMtu(mtu: number): void {
    const { client, link } = this.#inside;
    try {
      client.change(setLink(link.index, { mtu }));
    } catch (error) {
      if (!hasErrno(error, "EINVAL", "ERANGE", "EOPNOTSUPP")) throw error;
      throw new SetupError(`--mtu: ${mtu}: ${this.ifname} cannot have it: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
}

/** A link of the host by that name that is not the container's is never touched. */
function findFarEnd(far: FarEnd, open: () => NetlinkClient): End | undefined {
  if (far.at === "host") {
    const client = open();
    const link = findLink(client, far.name);
    return link === undefined || link.alias !== far.alias ? undefined : { client, link };
  }
  const netns = far.openNetns();
  try {
    const client = insideNetns(netns, open);
    const link = findLink(client, far.name);
    return link === undefined ? undefined : { client, link };
  } finally {
    closeSync(netns);
  }
}

function explained(error: unknown, wanted: Impairment, restored: string): unknown {
  if (!hasErrno(error, "ENOENT", "EOPNOTSUPP")) {
    return restored === "" ? error : new SetupError(`${messageOf(error)}${restored}`, { cause: error });
  }
  const lacks = needsNetem(wanted) && messageOf(error).includes(" netem ");
  const reason = lacks ? ENOENT_HINT : `this kernel has no sch_tbf, which --rate needs`;
  return new SetupError(`${reason} (mdocker doctor shows what this host has)${restored}`, { cause: error });
}
