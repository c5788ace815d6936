import { Attributes, bytes, joined, u32 } from "./attribute.ts";
import { NetlinkFormatError } from "./format-error.ts";
import { structView } from "./message.ts";

/** TCA_TBF_* and TC_LINKLAYER_* of include/uapi/linux/pkt_sched.h. */
const TCA_TBF_PARMS = 1;
const TCA_TBF_RATE64 = 4;
const TCA_TBF_BURST = 6;
const TC_LINKLAYER_ETHERNET = 1;

/**
 * struct tc_tbf_qopt: rate struct tc_ratespec@0 · peakrate the same@12 · limit u32@24 · buffer u32@28 · mtu u32@32;
 * struct tc_ratespec: cell_log u8@0 · linklayer u8@1 · overhead u16@2 · cell_align i16@4 · mpu u16@6 · rate u32@8.
 */
const QOPT_SIZE = 36;
/** One tick of the packet scheduler's clock (PSCHED_SHIFT 6), in nanoseconds. */
const tickNs = 64;
const most32 = 0xffffffff;

/** A token bucket: so many bytes a second, `burst` of them at once, and `limit` of them waiting. */
export interface TokenBucket {
  readonly bytesPerSecond: number;
  readonly burst: number;
  readonly limit: number;
}

/** TCA_OPTIONS of tbf. */
export function encodeTbf({ bytesPerSecond, burst, limit }: TokenBucket): Uint8Array {
  const qopt = new Uint8Array(QOPT_SIZE);
  const view = new DataView(qopt.buffer);
  view.setUint8(1, TC_LINKLAYER_ETHERNET);
  view.setUint32(8, Math.min(bytesPerSecond, most32), true);
  view.setUint32(24, limit, true);
  // The burst as the time it takes: what the kernel counts by unless it is told bytes, which it is.
  view.setUint32(28, Math.min(Math.round(((burst / bytesPerSecond) * 1e9) / tickNs), most32), true);
  const rate64 = new Uint8Array(8);
  new DataView(rate64.buffer).setBigUint64(0, BigInt(bytesPerSecond), true);
  return joined([
    bytes(TCA_TBF_PARMS, qopt),
    u32(TCA_TBF_BURST, burst),
    ...(bytesPerSecond > most32 ? [bytes(TCA_TBF_RATE64, rate64)] : []),
  ]);
}

/** Reads TCA_OPTIONS of tbf. The burst comes back as time, to a tick of 64 ns. @throws NetlinkFormatError */
export function parseTbf(options: Uint8Array): TokenBucket {
  const attributes = new Attributes(options, "tbf");
  const parms = attributes.bytes(TCA_TBF_PARMS);
  if (parms === undefined) throw new NetlinkFormatError("tbf", "TCA_TBF_PARMS", "nothing");
  const view = structView(parms, QOPT_SIZE, "struct tc_tbf_qopt");
  const rate64 = attributes.bytes(TCA_TBF_RATE64);
  const bytesPerSecond =
    rate64 === undefined
      ? view.getUint32(8, true)
      : Number(structView(rate64, 8, "TCA_TBF_RATE64").getBigUint64(0, true));
  return {
    bytesPerSecond,
    burst: Math.round((view.getUint32(28, true) * tickNs * bytesPerSecond) / 1e9),
    limit: view.getUint32(24, true),
  };
}
