import type { Command } from "commander";
import type { Direction } from "../../../net/impair/cable.ts";
import { distributions, type ImpairmentChange } from "../../../net/impair/settings.ts";
import type { ImpairmentWish } from "../../container/impair/impair.ts";
import { durationMs, parseDuration } from "../../core/duration.ts";
import { UsageError } from "../../core/errors.ts";
import { parseBytes } from "../../core/units.ts";
import { type Preset, presets } from "./impair-presets.ts";

/** The values of the flags, as commander gives them. */
export interface ImpairFlags {
  readonly if?: string;
  readonly network?: string;
  readonly direction?: string;
  readonly both?: boolean;
  readonly delay?: string;
  readonly jitter?: string;
  readonly distribution?: string;
  readonly delayCorrelation?: string;
  readonly loss?: string;
  readonly lossCorrelation?: string;
  readonly lossGemodel?: string;
  readonly duplicate?: string;
  readonly duplicateCorrelation?: string;
  readonly corrupt?: string;
  readonly corruptCorrelation?: string;
  readonly reorder?: string;
  readonly reorderCorrelation?: string;
  readonly rate?: string;
  readonly burst?: string;
  readonly limit?: string;
  readonly down?: boolean;
  readonly up?: boolean;
  readonly mtu?: string;
  readonly preset?: string;
  readonly for?: string;
  readonly reset?: boolean;
  readonly json?: boolean;
}

/** The longest delay: more than that is an outage. */
const longestMs = 3_600_000;
/** Slower, and a packet takes longer than anybody waits. */
const slowest = 1e3;
const fastest = 100e9;

/** Declares the flags of `network impair`. */
export function addImpairFlags(command: Command): Command {
  return command
    .option("-i, --if <interface>", "which of its interfaces: eth0 unless given")
    .option("--network <network>", "the interface on this network")
    .option(
      "--direction <which>",
      "out (what the container sends), in (what it is sent) or both: out",
      undefined,
    )
    .option("--both", "the same as --direction both")
    .option("--delay <time>", "hold packets back for so long: 50ms")
    .option("--jitter <time>", "vary the delay by so much: 10ms")
    .option("--distribution <shape>", `of the jitter: ${distributions.join(", ")}`)
    .option("--delay-correlation <percent>", "how much a delay depends on the one before")
    .option("--loss <percent>", "lose packets by chance: 1%")
    .option("--loss-correlation <percent>", "how much a loss depends on the one before")
    .option(
      "--loss-gemodel <p,r,h,k>",
      "lose in bursts (Gilbert-Elliott): into the bad state, out of it, loss in each",
    )
    .option("--duplicate <percent>", "send packets twice")
    .option("--duplicate-correlation <percent>", "how much a duplicate depends on the one before")
    .option("--corrupt <percent>", "flip a bit")
    .option("--corrupt-correlation <percent>", "how much a flip depends on the one before")
    .option("--reorder <percent>", "send at once, before those that are delayed; needs --delay")
    .option("--reorder-correlation <percent>", "how much an overtaking depends on the one before")
    .option("--rate <rate>", "bits per second: 500kbit, 10mbit, 1gbit")
    .option("--burst <size>", "bytes that may go at once, after a pause: 32k")
    .option("--limit <size>", "bytes that may wait for the rate; what is beyond is dropped: 64k")
    .option("--down", "pull the plug")
    .option("--up", "put it in again")
    .option("--mtu <bytes>", "MTU of the container's end")
    .option("--preset <name>", `a known kind of line: ${Object.keys(presets).join(", ")}`)
    .option("--for <time>", "put everything back after so long: 30s")
    .option("--reset", "take everything away, before what else is asked for")
    .option("--json", "show as JSON");
}

function nanoseconds(text: string | undefined, flag: string): number | undefined {
  if (text === undefined) return undefined;
  const ms = durationMs(text);
  if (ms !== undefined && ms >= 0 && ms <= longestMs) return Math.round(ms * 1e6);
  throw new UsageError(
    `${flag}: ${JSON.stringify(text)}: expected a time from 0 to 1h, such as 50ms or 1.5s`,
  );
}

function chance(text: string | undefined, flag: string): number | undefined {
  if (text === undefined) return undefined;
  const percent = /^(?:\d+\.?\d*|\.\d+)%?$/.test(text.trim()) ? Number.parseFloat(text) : Number.NaN;
  if (percent >= 0 && percent <= 100) return percent / 100;
  throw new UsageError(
    `${flag}: ${JSON.stringify(text)}: expected a percentage from 0% to 100%, such as 0.5%`,
  );
}

const rateUnits: Readonly<Record<string, number>> = {
  bit: 1,
  kbit: 1e3,
  mbit: 1e6,
  gbit: 1e9,
  kibit: 1024,
  mibit: 1024 ** 2,
  gibit: 1024 ** 3,
};

/** `1mbit` in bits per second. Not `1mbps`: for tc(8) those are bytes, for most people bits. @throws UsageError */
function parseRate(text: string, flag: string): number {
  if (text === "0") return 0;
  const [, number, unit = ""] = /^(\d+\.?\d*|\.\d+)([a-z]+)$/i.exec(text) ?? [];
  const rate = Number(number) * (rateUnits[unit.toLowerCase()] ?? Number.NaN);
  if (rate >= slowest && rate <= fastest) return Math.round(rate);
  throw new UsageError(
    `${flag}: ${JSON.stringify(text)}: expected bits per second from 1kbit to 100gbit, such as 500kbit or 10mbit; 0 for no limit`,
  );
}

function size(text: string | undefined, flag: string): number | undefined {
  if (text === undefined) return undefined;
  const bytes = parseBytes(text, flag);
  if (bytes <= 0xffffffff) return bytes;
  throw new UsageError(`${flag}: ${text}: expected less than 4g`);
}

/** `p,r,h,k`: r is 1-p where it is not given, h 100%, k 0%. */
function gemodel(text: string | undefined): [number, number, number, number] | undefined {
  if (text === undefined) return undefined;
  const flag = "--loss-gemodel";
  const parts = text.split(/[,\s]+/).map((part) => chance(part, flag) ?? 0);
  const [p = 0, r = 1 - p, h = 1, k = 0] = parts;
  if (parts.length > 4) throw new UsageError(`${flag}: ${text}: expected at most four percentages: p,r,h,k`);
  return [p, r, h, k];
}

function distribution(text: string | undefined): ImpairmentChange["distribution"] {
  if (text === undefined) return undefined;
  const found = distributions.find((name) => name === text);
  if (found !== undefined) return found === "uniform" ? null : found;
  throw new UsageError(
    `--distribution: ${JSON.stringify(text)}: expected one of ${distributions.join(", ")}`,
  );
}

/** What the flags say about the packets of a direction. @throws UsageError */
function changeOf(flags: ImpairFlags): ImpairmentChange {
  const model = gemodel(flags.lossGemodel);
  if (model !== undefined && flags.loss !== undefined)
    throw new UsageError("--loss and --loss-gemodel contradict: one of them decides what is lost");
  const all: { readonly [Key in keyof ImpairmentChange]: ImpairmentChange[Key] | undefined } = {
    delay: nanoseconds(flags.delay, "--delay"),
    jitter: nanoseconds(flags.jitter, "--jitter"),
    distribution: distribution(flags.distribution),
    delayCorrelation: chance(flags.delayCorrelation, "--delay-correlation"),
    loss: chance(flags.loss, "--loss"),
    lossCorrelation: chance(flags.lossCorrelation, "--loss-correlation"),
    // A model that never loses anything is none.
    lossModel: model === undefined ? undefined : model[0] === 0 && model[3] === 0 ? null : model,
    duplicate: chance(flags.duplicate, "--duplicate"),
    duplicateCorrelation: chance(flags.duplicateCorrelation, "--duplicate-correlation"),
    corrupt: chance(flags.corrupt, "--corrupt"),
    corruptCorrelation: chance(flags.corruptCorrelation, "--corrupt-correlation"),
    reorder: chance(flags.reorder, "--reorder"),
    reorderCorrelation: chance(flags.reorderCorrelation, "--reorder-correlation"),
    rate: flags.rate === undefined ? undefined : parseRate(flags.rate, "--rate"),
    burst: size(flags.burst, "--burst"),
    limit: size(flags.limit, "--limit"),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

function directionsOf({ direction, both, preset }: ImpairFlags): readonly Direction[] {
  if (both === true && direction !== undefined && direction !== "both")
    throw new UsageError(`--both and --direction ${direction} contradict: give one of them`);
  const which = both === true ? "both" : (direction ?? (preset === undefined ? "out" : "both"));
  if (which === "both") return ["out", "in"];
  if (which === "in" || which === "out") return [which];
  throw new UsageError(`--direction: ${JSON.stringify(which)}: expected in, out or both`);
}

function presetOf(name: string | undefined): Preset | undefined {
  if (name === undefined) return undefined;
  const preset = Object.hasOwn(presets, name) ? presets[name] : undefined;
  if (preset !== undefined) return preset;
  throw new UsageError(
    `--preset: ${JSON.stringify(name)}: expected one of ${Object.keys(presets).join(", ")}`,
  );
}

function mtuOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const mtu = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (mtu >= 68 && mtu <= 65_535) return mtu;
  throw new UsageError(`--mtu: ${JSON.stringify(text)}: expected 68 to 65535 bytes`);
}

/** What is asked for; undefined when the flags only ask to be shown what is. @throws UsageError */
export function wishOf(flags: ImpairFlags): ImpairmentWish | undefined {
  if (flags.down === true && flags.up === true) throw new UsageError("--down and --up contradict");
  const preset = presetOf(flags.preset);
  const own = changeOf(flags);
  const directions = directionsOf(flags);
  const change = Object.fromEntries(
    directions.map((direction) => [direction, { ...preset?.[direction], ...own }] as const),
  );
  const forMs = flags.for === undefined ? undefined : parseDuration(flags.for, "--for");
  if (forMs !== undefined && forMs <= 0) throw new UsageError(`--for: ${flags.for}: expected more than 0`);
  const mtu = mtuOf(flags.mtu);
  const down = flags.down === true ? true : flags.up === true ? false : undefined;
  const asksOfPackets = preset !== undefined || Object.keys(own).length > 0;
  if (!asksOfPackets && (flags.direction !== undefined || flags.both === true)) {
    throw new UsageError("--direction: expected what to do in it: --delay, --loss, --rate...");
  }
  if (!asksOfPackets && flags.reset !== true && down === undefined && mtu === undefined) {
    if (forMs === undefined) return undefined;
    throw new UsageError("--for: expected what to do for so long: --delay, --loss, --rate, --down...");
  }
  return { reset: flags.reset, change: asksOfPackets ? change : {}, down, mtu, forMs };
}
