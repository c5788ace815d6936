import { NetlinkSocket } from "../src/sys/mnl.ts";
import { watchReadable } from "../src/sys/readiness.ts";
import { findLink, removeLink } from "./link.ts";
import { NetlinkClient } from "./netlink/client.ts";
import { deleteLink, goneLink, linkGroup } from "./netlink/link.ts";
import { decodeMessages, encodeMessage } from "./netlink/message.ts";

const NETLINK_ROUTE = 0;

/*
 * RTM_DELLINK of a veth comes back after 15 to 40 ms, although the kernel has taken both its ends out of their namespaces
 * within two: under its lock it unlists them, closes them, removes their addresses and routes and tells the multicast group;
 * then it gives the lock back and waits for whoever may still hold a reference (rcu_barrier in netdev_run_todo, net/core/dev.c).
 * Nothing of that wait can fail, and nothing of it is left to anyone but the kernel, even if we are killed. So it happens in
 * another thread, and who disconnects a container goes on when the link is out of sight.
 */

/** Until somebody else's work in the threads of the pool is waited for no longer. */
const patienceMs = 1_000;

/** Resolves when the multicast group has told that the link is gone, or after {@link patienceMs}. */
function awaitNotice(notices: NetlinkSocket, index: number): { told: Promise<void>; end: () => void } {
  let end = (): void => undefined;
  const told = new Promise<void>((resolve) => {
    const stop = watchReadable(notices.fd, () => {
      notices.drain((bytes) => {
        if (decodeMessages(bytes).some((message) => goneLink(message) === index)) resolve();
      });
    });
    const timer = setTimeout(resolve, patienceMs);
    end = () => {
      stop();
      clearTimeout(timer);
    };
  });
  return { told, end };
}

/**
 * Removes the link of that name and alias, if there is one, of the network namespace that this thread is in when it calls.
 * Resolves when neither it nor, of a veth, its peer can be seen or used any more, which is sooner than RTM_DELLINK comes back.
 * @throws SyscallError
 */
export async function removeSoon(name: string, alias: string): Promise<void> {
  using socket = new NetlinkSocket();
  const client = new NetlinkClient(socket);
  const link = findLink(client, name);
  if (link?.alias !== alias) return;
  const notices = new NetlinkSocket(NETLINK_ROUTE, linkGroup);
  const removal = notices.sendAside(encodeMessage(deleteLink(link.index), 1));
  const { told, end } = awaitNotice(notices, link.index);
  // Also where the notice was lost among too many others.
  await Promise.race([told, removal]);
  end();
  void removal.then(() => notices[Symbol.dispose]());
  // Waits for the kernel's lock: then all of it is done but the wait. If it failed, this fails too, and says why.
  removeLink(client, link.index);
}
