import { align } from "./attribute.ts";
import { NetlinkFormatError } from "./format-error.ts";

/** Flags of struct nlmsghdr (include/uapi/linux/netlink.h). */
const NLM_F_REQUEST = 0x1;
const NLM_F_ACK = 0x4;
/** In an answer: the dumped tables changed meanwhile, ask again. */
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_DUMP = 0x300;
/** In an ack: the failed request is not repeated. */
export const NLM_F_CAPPED = 0x100;
/** In an ack: attributes follow. */
export const NLM_F_ACK_TLVS = 0x200;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

/** struct nlmsghdr: length u32@0 · type u16@4 · flags u16@6 · sequence u32@8 · port u32@12. */
export const HEADER_SIZE = 16;

/** What one request asks for; the client adds length, sequence number and NLM_F_ACK. */
export interface NetlinkRequest {
  readonly type: number;
  readonly flags: number;
  readonly payload: Uint8Array;
  /** `RTM_NEWLINK mdv0a1b2c3d0`: for errors. */
  readonly what: string;
  /** A change is answered by an ack; a read by its object, or by DONE after a dump. */
  readonly change: boolean;
}

/** One received message. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
}

/** The bytes of one request. */
export function encodeMessage(request: NetlinkRequest, sequence: number): Uint8Array {
  const length = HEADER_SIZE + request.payload.length;
  const message = new Uint8Array(align(length));
  const view = new DataView(message.buffer);
  view.setUint32(0, length, true);
  view.setUint16(4, request.type, true);
  view.setUint16(6, NLM_F_REQUEST | request.flags | (request.change ? NLM_F_ACK : 0), true);
  view.setUint32(8, sequence, true);
  message.set(request.payload, HEADER_SIZE);
  return message;
}

/**
 * The messages of one datagram.
 * @throws NetlinkFormatError for a header that is cut off or a length that runs past the end.
 */
export function decodeMessages(datagram: Uint8Array): NetlinkMessage[] {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at < datagram.length; ) {
    const left = datagram.length - at;
    if (left < HEADER_SIZE) {
      throw new NetlinkFormatError(`message at ${at}`, "a header of 16 bytes", `${left} bytes`);
    }
    const length = view.getUint32(at, true);
    if (length < HEADER_SIZE || length > left) {
      throw new NetlinkFormatError(`nlmsg_len at ${at}`, `a length of 16 to ${left}`, `${length}`);
    }
    messages.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      payload: datagram.subarray(at + HEADER_SIZE, at + length),
    });
    at += align(length);
  }
  return messages;
}

/** A struct at the beginning of a payload, checked to be there whole. */
export function structView(payload: Uint8Array, size: number, what: string): DataView {
  if (payload.length < size) {
    throw new NetlinkFormatError(what, `at least ${size} bytes`, `${payload.length}`);
  }
  return new DataView(payload.buffer, payload.byteOffset, size);
}
