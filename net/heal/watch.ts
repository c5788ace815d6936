import { hasErrno } from "../../src/core/errors.ts";
import { NetlinkSocket } from "../../src/sys/mnl.ts";
import { watchReadable } from "../../src/sys/readiness.ts";
import { NetlinkFormatError } from "../netlink/format-error.ts";
import { decodeMessages } from "../netlink/message.ts";
import { generationOf, watchNftables } from "../netlink/nftables.ts";
import type { Known, Urgency } from "./notice.ts";

/** RTNLGRP_* of include/uapi/linux/rtnetlink.h: links; addresses, routes and settings of both families. */
const groups = [1, 5, 9, 7, 11, 24, 25];
const NETLINK_ROUTE = 0;

/** What has come in since one looked last. */
export interface Notices {
  readonly urgency: Urgency;
  /** The last generation of nftables rules that was announced. */
  readonly generation: number | undefined;
  /** There were more than the kernel kept for us: anything may have changed. */
  readonly lost: boolean;
}

/**
 * Tells when something of the network has changed in the network namespace that this thread is in, once: then who asked
 * reads what came, and arms it again. So a storm of changes costs no more than what the kernel keeps for a socket.
 */
export class NetworkWatch implements Disposable {
  readonly #links: NetlinkSocket;
  /** Absent where the kernel has no nftables. */
  readonly #rules: NetlinkSocket | undefined;
  #ends: (() => void)[] = [];

  /** @throws SyscallError */
  constructor() {
    this.#links = new NetlinkSocket(
      NETLINK_ROUTE,
      groups.reduce((mask, group) => mask | (1 << (group - 1)), 0),
    );
    this.#rules = ifSupported(watchNftables);
  }

  /** Calls `onNotice` when there is something to read. */
  arm(onNotice: () => void): void {
    const noticed = (): void => {
      this.disarm();
      onNotice();
    };
    for (const socket of [this.#links, this.#rules])
      if (socket !== undefined) this.#ends.push(watchReadable(socket.fd, noticed));
  }

  /** Calls nobody any more, until it is armed again. */
  disarm(): void {
    for (const end of this.#ends) end();
    this.#ends = [];
  }

  /** Reads what has come, without waiting. */
  read(known: Known): Notices {
    let urgency: Urgency = "none";
    let generation: number | undefined;
    let lost = false;
    const decoded = (act: () => void): void => {
      try {
        act();
      } catch (error) {
        // One that we do not understand may be about anything.
        if (!(error instanceof NetlinkFormatError)) throw error;
        lost = true;
      }
    };
    const complete = this.#links.drain((bytes) =>
      decoded(() => {
        for (const message of decodeMessages(bytes)) {
          if (urgency === "now") return;
          const found = known.judge(message);
          if (found !== "none") urgency = found;
        }
      }),
    );
    const allRules = this.#rules?.drain((bytes) =>
      decoded(() => {
        for (const message of decodeMessages(bytes)) generation = generationOf(message) ?? generation;
      }),
    );
    return { urgency, generation, lost: lost || !complete || allRules === false };
  }

  [Symbol.dispose](): void {
    this.disarm();
    this.#links[Symbol.dispose]();
    this.#rules?.[Symbol.dispose]();
  }
}

function ifSupported<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (hasErrno(error, "EPROTONOSUPPORT", "ENOENT", "EINVAL", "EPERM")) return undefined;
    throw error;
  }
}
