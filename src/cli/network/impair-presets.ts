import type { Direction } from "../../../net/impair/cable.ts";
import type { ImpairmentChange } from "../../../net/impair/settings.ts";

/** A kind of line, as a container behind it would see it: `in` is its download. */
export type Preset = Readonly<Record<Direction, ImpairmentChange>>;

const ms = 1e6;
const mbit = 1e6;

/**
 * Round numbers in the range that people measure, one way each: a round trip has the delay of both. What a preset does
 * not name stays as it is.
 */
export const presets: Readonly<Record<string, Preset>> = {
  // UMTS with HSPA: some 100 ms round trip, uneven.
  "3g": {
    out: { delay: 50 * ms, jitter: 15 * ms, distribution: "normal", loss: 0.005, rate: 0.75 * mbit },
    in: { delay: 50 * ms, jitter: 15 * ms, distribution: "normal", loss: 0.005, rate: 1.6 * mbit },
  },
  // LTE with a fair signal.
  "4g": {
    out: { delay: 20 * ms, jitter: 5 * ms, distribution: "normal", rate: 10 * mbit },
    in: { delay: 20 * ms, jitter: 5 * ms, distribution: "normal", rate: 30 * mbit },
  },
  dsl: {
    out: { delay: 12 * ms, jitter: 1 * ms, distribution: "normal", rate: 2 * mbit },
    in: { delay: 12 * ms, jitter: 1 * ms, distribution: "normal", rate: 16 * mbit },
  },
  // Geostationary: 36,000 km up and down again, each way.
  satellite: {
    out: { delay: 280 * ms, jitter: 10 * ms, distribution: "normal", loss: 0.002, rate: 3 * mbit },
    in: { delay: 280 * ms, jitter: 10 * ms, distribution: "normal", loss: 0.002, rate: 25 * mbit },
  },
  // Losses come in bursts: 1 % of the packets begin one, which loses half of some four packets.
  "lossy-wifi": {
    out: {
      delay: 3 * ms,
      jitter: 3 * ms,
      distribution: "paretonormal",
      lossModel: [0.01, 0.25, 0.5, 0],
      rate: 20 * mbit,
    },
    in: {
      delay: 3 * ms,
      jitter: 3 * ms,
      distribution: "paretonormal",
      lossModel: [0.01, 0.25, 0.5, 0],
      rate: 20 * mbit,
    },
  },
};
