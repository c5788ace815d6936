import { NetlinkSocket } from "../../src/sys/mnl.ts";
import { insideNetns } from "../../src/sys/namespaces.ts";
import { Attributes } from "./attribute.ts";
import { NetlinkClient } from "./client.ts";
import { type NetlinkRequest, NLM_F_DUMP, structView } from "./message.ts";

/** include/uapi/linux/netlink.h, sock_diag.h and unix_diag.h. */
const NETLINK_SOCK_DIAG = 4;
const SOCK_DIAG_BY_FAMILY = 20;
const AF_UNIX = 1;
const UDIAG_SHOW_PEER = 4;
const UNIX_DIAG_PEER = 2;
const UNIX_DIAG_MSG_SIZE = 16;

/** A unix socket of a network namespace, by inode, and the socket it is connected to: perhaps of another namespace. */
export interface UnixSocket {
  readonly inode: number;
  readonly peer: number | undefined;
}

/** Asks for all unix sockets: struct unix_diag_req: family u8@0 · states u32@4 · inode u32@8 · show u32@12 · cookie u32[2]@16. */
function dumpUnixSockets(): NetlinkRequest {
  const payload = new Uint8Array(24);
  const view = new DataView(payload.buffer);
  view.setUint8(0, AF_UNIX);
  view.setUint32(4, 0xffffffff, true);
  view.setUint32(12, UDIAG_SHOW_PEER, true);
  return { type: SOCK_DIAG_BY_FAMILY, flags: NLM_F_DUMP, payload, what: "SOCK_DIAG AF_UNIX", change: false };
}

/** struct unix_diag_msg: family u8@0 · type u8@1 · state u8@2 · inode u32@4 · cookie u32[2]@8. @throws NetlinkFormatError */
function parseUnixSocket(payload: Uint8Array): UnixSocket {
  const view = structView(payload, UNIX_DIAG_MSG_SIZE, "struct unix_diag_msg");
  const attributes = new Attributes(payload.subarray(UNIX_DIAG_MSG_SIZE), "unix_diag");
  return { inode: view.getUint32(4, true), peer: attributes.u32(UNIX_DIAG_PEER) };
}

/** All unix sockets of the network namespace `netns` (an open file of it). @throws SyscallError: ENOENT without unix_diag. */
export function listUnixSockets(netns: number): UnixSocket[] {
  return insideNetns(netns, () => {
    using socket = new NetlinkSocket(NETLINK_SOCK_DIAG);
    return new NetlinkClient(socket).dump(dumpUnixSockets()).map(parseUnixSocket);
  });
}
