import { Attributes, align } from "./attribute.ts";
import { NetlinkFormatError } from "./format-error.ts";
import { HEADER_SIZE, type NetlinkMessage, NLM_F_ACK_TLVS, NLM_F_CAPPED, structView } from "./message.ts";

const NLMSGERR_ATTR_MSG = 1;

/** The kernel's answer to a change: errno 0 is success. */
export interface Ack {
  readonly errno: number;
  /** The kernel's own words, where it has some (NETLINK_EXT_ACK). */
  readonly text?: string;
}

/**
 * struct nlmsgerr: error i32@0 (negative errno) · the request's nlmsghdr@4 · its payload unless NLM_F_CAPPED or success ·
 * attributes if NLM_F_ACK_TLVS.
 */
export function parseAck(message: NetlinkMessage): Ack {
  const view = structView(message.payload, 4 + HEADER_SIZE, "struct nlmsgerr");
  const errno = 0 - view.getInt32(0, true);
  if ((message.flags & NLM_F_ACK_TLVS) === 0) return { errno };
  const repeated =
    errno === 0 || (message.flags & NLM_F_CAPPED) !== 0 ? HEADER_SIZE : view.getUint32(4, true);
  const start = 4 + align(repeated);
  if (repeated < HEADER_SIZE || start > message.payload.length) {
    throw new NetlinkFormatError("struct nlmsgerr nlmsg_len", "the repeated request", `${repeated} bytes`);
  }
  const text = new Attributes(message.payload.subarray(start), "struct nlmsgerr").text(NLMSGERR_ATTR_MSG);
  return text === undefined ? { errno } : { errno, text };
}
