import type { NetlinkRequest } from "../netlink/message.ts";
import {
  deleteQdisc,
  formatHandle,
  type Qdisc,
  type QdiscCounters,
  replaceQdisc,
  rootParent,
} from "../netlink/qdisc.ts";
import { encodeNetem, type Netem, parseNetem } from "../netlink/qdisc-netem.ts";
import { encodeTbf, parseTbf, type TokenBucket } from "../netlink/qdisc-tbf.ts";
import { delayTable } from "./distribution.ts";
import { type Distribution, distributions, type Impairment, needsNetem } from "./settings.ts";

/*
 * What is done to packets when they leave by a link:
 *
 *     netem 6d0D:            delay, loss, duplicates, corruption, order       netem 6d0D:       tbf 6e0B:
 *       └ tbf 6e1B:          the rate                                         (no rate)         (only a rate)
 *
 * The kernel is the only place where this is kept. It tells all but two things, which are therefore written into the
 * handles: D is the distribution of the delays, and B what of burst (1) and limit (2) was asked for.
 */
const netemMajor = 0x6d00;
const rootTbfMajor = 0x6e00;
const childTbfMajor = 0x6e10;
const burstAsked = 1;
const limitAsked = 2;

/** Packets that netem lets wait: enough for a second of delay at 100 Mbit/s; what is beyond is dropped. */
const netemLimit = 10_000;
/** A rate's queue is so long in time, and a burst, unless they were asked for. */
const limitSeconds = 0.1;
const burstSeconds = 0.01;
const leastBurst = 4096;
const leastLimit = 16_384;
/** The kernel tells a burst as the time it takes, up to 274 seconds. */
const longestBurstSeconds = 250;
/** Ethernet's header, which a rate counts too. */
const headerSize = 14;

/** The impairment of one direction, as the kernel has it. */
export interface Queue {
  readonly impairment: Impairment;
  /** Burst and limit that are in force, also where they were not asked for. */
  readonly bucket?: Pick<TokenBucket, "burst" | "limit"> | undefined;
  readonly counters?: QdiscCounters | undefined;
  readonly netem?: Qdisc | undefined;
  readonly tbf?: Qdisc | undefined;
  /** Somebody else's qdisc, of a kind that is not ours to change: `htb 1:`. */
  readonly foreign?: string | undefined;
}

/** Default qdiscs have no handle; the ingress and clsact ones are beside the root, not under it. */
function rootOf(qdiscs: readonly Qdisc[]): Qdisc | undefined {
  return qdiscs.find(({ parent, handle }) => parent === rootParent && handle !== 0);
}

const without = (impairment: Impairment): Impairment =>
  Object.fromEntries(
    Object.entries(impairment).filter(([, value]) => value !== 0 && value !== undefined),
  ) as Impairment;

function impairmentOfNetem(it: Netem, major: number): Impairment {
  const known = major >= netemMajor && major < netemMajor + distributions.length;
  const distribution: Distribution = (known ? distributions[major - netemMajor] : undefined) ?? "uniform";
  return without({
    delay: it.latencyNs,
    jitter: it.jitterNs,
    ...(distribution === "uniform" ? {} : { distribution }),
    delayCorrelation: it.latencyCorrelation,
    loss: it.loss,
    lossCorrelation: it.lossCorrelation,
    ...(it.lossModel === undefined ? {} : { lossModel: it.lossModel }),
    duplicate: it.duplicate,
    duplicateCorrelation: it.duplicateCorrelation,
    corrupt: it.corrupt,
    corruptCorrelation: it.corruptCorrelation,
    reorder: it.gap === 0 ? 0 : it.reorder,
    reorderCorrelation: it.gap === 0 ? 0 : it.reorderCorrelation,
  });
}

function impairmentOfTbf({ bytesPerSecond, burst, limit }: TokenBucket, major: number): Impairment {
  const ours = [rootTbfMajor, childTbfMajor].some((first) => major >= first && major < first + 4);
  // Of one that somebody made with tc(8), both were.
  const asked = ours ? major & 3 : burstAsked | limitAsked;
  return {
    rate: bytesPerSecond * 8,
    ...((asked & burstAsked) === 0 ? {} : { burst }),
    ...((asked & limitAsked) === 0 ? {} : { limit }),
  };
}

/** Reads the impairment out of the qdiscs of one link. */
export function readQueue(qdiscs: readonly Qdisc[]): Queue {
  const root = rootOf(qdiscs);
  if (root === undefined) return { impairment: {} };
  const netem = root.kind === "netem" ? root : undefined;
  const inner =
    netem === undefined
      ? undefined
      : qdiscs.find(({ parent }) => parent !== rootParent && parent >>> 16 === root.handle >>> 16);
  const tbf = [root, inner].find((one) => one?.kind === "tbf");
  const stranger = [root, inner].find(
    (one) => one !== undefined && one.kind !== "netem" && one.kind !== "tbf",
  );
  if (stranger !== undefined)
    return { impairment: {}, foreign: `${stranger.kind} ${formatHandle(stranger.handle)}` };
  const bucket = tbf === undefined ? undefined : parseTbf(tbf.options);
  return {
    impairment: {
      ...(netem === undefined ? {} : impairmentOfNetem(parseNetem(netem.options), netem.handle >>> 16)),
      ...(tbf === undefined || bucket === undefined ? {} : impairmentOfTbf(bucket, tbf.handle >>> 16)),
    },
    bucket,
    counters: root.counters,
    netem,
    tbf,
  };
}

/** The token bucket for a rate on a link of this MTU. @param rate in bits per second */
function bucketOf({ rate = 0, burst, limit }: Impairment, mtu: number): TokenBucket {
  const bytesPerSecond = Math.max(1, Math.round(rate / 8));
  const size = Math.min(
    bytesPerSecond * longestBurstSeconds,
    Math.max(
      burst ?? Math.max(leastBurst, Math.ceil(bytesPerSecond * burstSeconds)),
      // A packet that is larger than the bucket would never leave.
      mtu + headerSize,
    ),
  );
  return {
    bytesPerSecond,
    burst: size,
    limit: limit ?? Math.max(leastLimit, Math.ceil(bytesPerSecond * limitSeconds) + size),
  };
}

function netemOf(it: Impairment): Netem {
  return {
    latencyNs: it.delay ?? 0,
    jitterNs: it.jitter ?? 0,
    latencyCorrelation: it.delayCorrelation ?? 0,
    loss: it.loss ?? 0,
    lossCorrelation: it.lossCorrelation ?? 0,
    lossModel: it.lossModel,
    duplicate: it.duplicate ?? 0,
    duplicateCorrelation: it.duplicateCorrelation ?? 0,
    corrupt: it.corrupt ?? 0,
    corruptCorrelation: it.corruptCorrelation ?? 0,
    reorder: it.reorder ?? 0,
    reorderCorrelation: it.reorderCorrelation ?? 0,
    gap: it.reorder === undefined ? 0 : 1,
    limit: netemLimit,
  };
}

/** The messages that turn what is there into what is wanted; none when it is so. Packets that wait are kept where it goes. */
export function planQueue(
  link: { readonly index: number; readonly mtu: number },
  now: Queue,
  wanted: Impairment,
): NetlinkRequest[] {
  const rateMessage = (parent: number, first: number): NetlinkRequest => {
    const asked =
      (wanted.burst === undefined ? 0 : burstAsked) | (wanted.limit === undefined ? 0 : limitAsked);
    const place = { link: link.index, parent, handle: (first + asked) * 0x10000 };
    return replaceQdisc(place, "tbf", encodeTbf(bucketOf(wanted, link.mtu)));
  };
  const outermost = now.netem ?? now.tbf;
  if (!needsNetem(wanted)) {
    if (wanted.rate !== undefined) return [rateMessage(rootParent, rootTbfMajor)];
    return outermost === undefined
      ? []
      : [deleteQdisc({ link: link.index, parent: rootParent, handle: outermost.handle })];
  }
  const distribution = wanted.distribution ?? "uniform";
  const handle = (netemMajor + distributions.indexOf(distribution)) * 0x10000;
  const same = now.netem?.handle === handle;
  const netem = replaceQdisc(
    { link: link.index, parent: rootParent, handle },
    "netem",
    encodeNetem(netemOf(wanted), same ? undefined : delayTable(distribution)),
  );
  const left = same ? now.tbf : undefined;
  return [
    // Kernels since 6.16, and stable ones, let no netem stand beside another that duplicates, not even to take its place.
    ...(now.netem === undefined || same
      ? []
      : [deleteQdisc({ link: link.index, parent: rootParent, handle: now.netem.handle })]),
    netem,
    ...(wanted.rate !== undefined
      ? [rateMessage(handle + 1, childTbfMajor)]
      : left === undefined
        ? []
        : [deleteQdisc({ link: link.index, parent: handle + 1, handle: left.handle })]),
  ];
}
