import { NetlinkSocket } from "../../src/sys/mnl.ts";
import { Attributes } from "./attribute.ts";
import { NetlinkClient } from "./client.ts";
import { type NetlinkMessage, type NetlinkRequest, structView } from "./message.ts";

/** include/uapi/linux/netlink.h, netfilter/nfnetlink.h and nf_tables.h. */
const NETLINK_NETFILTER = 12;
const NFNLGRP_NFTABLES = 7;
const NFNL_SUBSYS_NFTABLES = 10 << 8;
const NFT_MSG_NEWGEN = NFNL_SUBSYS_NFTABLES | 15;
const NFT_MSG_GETGEN = NFNL_SUBSYS_NFTABLES | 16;
const NFTA_GEN_ID = 1;

/** struct nfgenmsg: family u8@0 · version u8@1 · resource be16@2. */
const NFGENMSG_SIZE = 4;

/** Asks which generation of rules is in force: any change of any of them makes a new one. */
function getGeneration(): NetlinkRequest {
  const payload = new Uint8Array(NFGENMSG_SIZE);
  return { type: NFT_MSG_GETGEN, flags: 0, payload, what: "NFT_MSG_GETGEN", change: false };
}

function parseGeneration(payload: Uint8Array): number | undefined {
  structView(payload, NFGENMSG_SIZE, "struct nfgenmsg");
  const id = new Attributes(payload.subarray(NFGENMSG_SIZE), "NFT_MSG_NEWGEN").bytes(NFTA_GEN_ID);
  return id?.length === 4 ? new DataView(id.buffer, id.byteOffset).getUint32(0, false) : undefined;
}

/** The generation that a notification announces; undefined for one of what has changed. */
export function generationOf({ type, payload }: NetlinkMessage): number | undefined {
  return type === NFT_MSG_NEWGEN ? parseGeneration(payload) : undefined;
}

/**
 * The generation of the nftables rules of this thread's network namespace, those of iptables-nft among them.
 * @throws SyscallError where the kernel has no nftables.
 */
export function readGeneration(): number | undefined {
  using socket = new NetlinkSocket(NETLINK_NETFILTER);
  return parseGeneration(new NetlinkClient(socket).get(getGeneration()));
}

/** A socket that is told of every change of nftables rules, for `drain`. @throws SyscallError */
export function watchNftables(): NetlinkSocket {
  return new NetlinkSocket(NETLINK_NETFILTER, 1 << (NFNLGRP_NFTABLES - 1));
}
