import { hasErrno } from "../../src/core/errors.ts";
import { NetlinkSocket } from "../../src/sys/mnl.ts";
import { watchReadable } from "../../src/sys/readiness.ts";

/** RTMGRP_* of include/uapi/linux/rtnetlink.h: links, qdiscs, addresses and routes of both families. */
const groups = 0x1 | 0x8 | 0x10 | 0x40 | 0x100 | 0x400;
const NETLINK_ROUTE = 0;

/**
 * Calls `onChange` whenever a link, queue, address or route changes in the network namespace that the thread is in now.
 * The answer ends it.
 */
export function watchChanges(onChange: () => void): Disposable {
  const socket = new NetlinkSocket(NETLINK_ROUTE, groups);
  const end = watchReadable(socket.fd, () => {
    try {
      socket.receive();
    } catch (error) {
      // So many changes that some were lost: that is a change, too.
      if (!hasErrno(error, "ENOBUFS")) throw error;
    }
    onChange();
  });
  return {
    [Symbol.dispose]: () => {
      end();
      socket[Symbol.dispose]();
    },
  };
}
