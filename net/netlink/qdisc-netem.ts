import { Attributes, bytes, joined, nested } from "./attribute.ts";
import { structView } from "./message.ts";

/** TCA_NETEM_* and NETEM_LOSS_* of include/uapi/linux/pkt_sched.h. */
const TCA_NETEM_CORR = 1;
const TCA_NETEM_DELAY_DIST = 2;
const TCA_NETEM_REORDER = 3;
const TCA_NETEM_CORRUPT = 4;
const TCA_NETEM_LOSS = 5;
const TCA_NETEM_LATENCY64 = 10;
const TCA_NETEM_JITTER64 = 11;
const NETEM_LOSS_GE = 2;

/** struct tc_netem_qopt: latency u32@0 · limit u32@4 · loss u32@8 · gap u32@12 · duplicate u32@16 · jitter u32@20. */
const QOPT_SIZE = 24;
/** One tick of the packet scheduler's clock (PSCHED_SHIFT 6), in nanoseconds: for kernels before 4.16. */
const tickNs = 64;
const most = 0xffffffff;

/** What netem does to packets. Chances and correlations are fractions of 1. */
export interface Netem {
  readonly latencyNs: number;
  readonly jitterNs: number;
  readonly latencyCorrelation: number;
  readonly loss: number;
  readonly lossCorrelation: number;
  /** Gilbert-Elliott: into the bad state, out of it, loss in the bad state, loss in the good one. In place of `loss`. */
  readonly lossModel?: readonly [number, number, number, number] | undefined;
  readonly duplicate: number;
  readonly duplicateCorrelation: number;
  readonly corrupt: number;
  readonly corruptCorrelation: number;
  /** Of those that reach the gap: which are sent at once, before the delayed ones. */
  readonly reorder: number;
  readonly reorderCorrelation: number;
  /** Every how many packets one may be sent at once; 0: none. */
  readonly gap: number;
  /** Packets that may wait. */
  readonly limit: number;
}

/** A chance as the kernel counts: 0 to 2^32-1. */
const chance = (fraction: number): number => Math.round(fraction * most);
const fraction = (chance: number): number => chance / most;
const ticks = (ns: number): number => Math.min(Math.round(ns / tickNs), most);

function words(...values: readonly number[]): Uint8Array {
  const struct = new Uint8Array(4 * values.length);
  const view = new DataView(struct.buffer);
  for (const [at, value] of values.entries()) view.setUint32(4 * at, value, true);
  return struct;
}

function signed64(value: number): Uint8Array {
  const struct = new Uint8Array(8);
  new DataView(struct.buffer).setBigInt64(0, BigInt(Math.round(value)), true);
  return struct;
}

/**
 * TCA_OPTIONS of netem: a struct, then attributes. All that netem keeps when it is not told otherwise is always told, so
 * that a change leaves nothing of what was before; only a table of delays stays unless `table` brings another.
 * @param table deviations from the mean delay, in units of the jitter times 8192.
 */
export function encodeNetem(it: Netem, table?: Int16Array): Uint8Array {
  // The kernel counts in the bad state what it does not lose.
  const [p, r, h, k] = it.lossModel ?? [0, 0, 0, 0];
  const qopt = words(
    ticks(it.latencyNs),
    it.limit,
    it.lossModel === undefined ? chance(it.loss) : 0,
    it.gap,
    chance(it.duplicate),
    ticks(it.jitterNs),
  );
  return joined([
    qopt,
    bytes(
      TCA_NETEM_CORR,
      words(chance(it.latencyCorrelation), chance(it.lossCorrelation), chance(it.duplicateCorrelation)),
    ),
    bytes(TCA_NETEM_REORDER, words(chance(it.reorder), chance(it.reorderCorrelation))),
    bytes(TCA_NETEM_CORRUPT, words(chance(it.corrupt), chance(it.corruptCorrelation))),
    bytes(TCA_NETEM_LATENCY64, signed64(it.latencyNs)),
    bytes(TCA_NETEM_JITTER64, signed64(it.jitterNs)),
    ...(it.lossModel === undefined
      ? []
      : [
          nested(
            TCA_NETEM_LOSS,
            bytes(NETEM_LOSS_GE, words(chance(p), chance(r), most - chance(h), chance(k))),
          ),
        ]),
    ...(table === undefined
      ? []
      : [bytes(TCA_NETEM_DELAY_DIST, new Uint8Array(table.buffer, table.byteOffset, table.byteLength))]),
  ]);
}

/** Fractions of a struct of 32-bit chances; zeros where the attribute is not there. */
function fractions(attributes: Attributes, type: number, count: number): number[] {
  const value = attributes.bytes(type);
  if (value === undefined) return new Array<number>(count).fill(0);
  const view = structView(value, 4 * count, `TCA_NETEM attribute ${type}`);
  return Array.from({ length: count }, (_, at) => fraction(view.getUint32(4 * at, true)));
}

function nanoseconds(attributes: Attributes, type: number, ticks: number): number {
  const value = attributes.bytes(type);
  if (value === undefined) return ticks * tickNs;
  return Number(structView(value, 8, `TCA_NETEM attribute ${type}`).getBigInt64(0, true));
}

/** Reads TCA_OPTIONS of netem. @throws NetlinkFormatError for anything else. */
export function parseNetem(options: Uint8Array): Netem {
  const view = structView(options, QOPT_SIZE, "struct tc_netem_qopt");
  const attributes = new Attributes(options.subarray(QOPT_SIZE), "netem");
  const [latencyCorrelation = 0, lossCorrelation = 0, duplicateCorrelation = 0] = fractions(
    attributes,
    TCA_NETEM_CORR,
    3,
  );
  const [reorder = 0, reorderCorrelation = 0] = fractions(attributes, TCA_NETEM_REORDER, 2);
  const [corrupt = 0, corruptCorrelation = 0] = fractions(attributes, TCA_NETEM_CORRUPT, 2);
  const models = attributes.nested(TCA_NETEM_LOSS, "TCA_NETEM_LOSS");
  const [p = 0, r = 0, h = 0, k1 = 0] =
    models?.bytes(NETEM_LOSS_GE) === undefined ? [] : fractions(models, NETEM_LOSS_GE, 4);
  return {
    latencyNs: nanoseconds(attributes, TCA_NETEM_LATENCY64, view.getUint32(0, true)),
    jitterNs: nanoseconds(attributes, TCA_NETEM_JITTER64, view.getUint32(20, true)),
    latencyCorrelation,
    loss: fraction(view.getUint32(8, true)),
    lossCorrelation,
    lossModel:
      models?.bytes(NETEM_LOSS_GE) === undefined ? undefined : [p, r, fraction(most - chance(h)), k1],
    duplicate: fraction(view.getUint32(16, true)),
    duplicateCorrelation,
    corrupt,
    corruptCorrelation,
    reorder,
    reorderCorrelation,
    gap: view.getUint32(12, true),
    limit: view.getUint32(4, true),
  };
}
