import { UsageError } from "../core/errors.ts";

/** A time to the nanosecond: whole seconds since 1970, and nanoseconds below 10^9. */
export interface Moment {
  readonly seconds: number;
  readonly nanoseconds: number;
}

const units: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

function nanoseconds(fraction: string | undefined): number {
  return Number((fraction ?? "").padEnd(9, "0").slice(0, 9));
}

function momentAt(ms: number): Moment {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanoseconds: Math.floor((ms - seconds * 1000) * 1e6) };
}

/** Milliseconds of a Go duration such as `1h30m` or `1.5s`; undefined when it is none. */
function durationMs(text: string): number | undefined {
  const match = /^([+-]?)((?:\d+\.?\d*(?:ns|us|µs|μs|ms|s|m|h))+)$/.exec(text);
  if (match === null) return text === "0" ? 0 : undefined;
  let ms = 0;
  for (const [, number, unit = ""] of (match[2] ?? "").matchAll(/(\d+\.?\d*)(ns|us|µs|μs|ms|s|m|h)/g)) {
    ms += Number(number) * (units[unit] ?? 0);
  }
  return match[1] === "-" ? -ms : ms;
}

/** A date, with or without time and zone: local time where none is named. */
function dateOf(text: string): Moment | undefined {
  const match = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?(Z|[+-]\d\d:\d\d)?$/.exec(
    text,
  );
  if (match === null) return undefined;
  const [, date, minutes = "00:00", seconds = "00", fraction, zone = ""] = match;
  const ms = Date.parse(`${date}T${minutes}:${seconds}${zone}`);
  return Number.isNaN(ms) ? undefined : { seconds: ms / 1000, nanoseconds: nanoseconds(fraction) };
}

/**
 * A time as docker's --since and --until take it: RFC 3339 or a part of it, seconds since 1970 with a fraction, or how
 * long ago, as `10m` or `1h30m`. @throws UsageError naming `what`.
 */
export function parseMoment(text: string, what: string, now: number = Date.now()): Moment {
  const unix = /^(\d{1,12})(?:\.(\d{1,9})\d*)?$/.exec(text);
  if (unix !== null) return { seconds: Number(unix[1]), nanoseconds: nanoseconds(unix[2]) };
  const ms = durationMs(text);
  if (ms !== undefined) return momentAt(now - ms);
  const date = dateOf(text);
  if (date !== undefined) return date;
  throw new UsageError(
    `${what}: ${JSON.stringify(text)}: expected a time such as 2026-01-31T12:00:00Z or 1767225600.5, or how long ago such as 10m`,
  );
}

/** The moment of a stamp in a log: RFC 3339 in UTC. */
export function momentOf(stamp: string): Moment {
  const dot = stamp.indexOf(".");
  const whole = dot < 0 ? stamp : `${stamp.slice(0, dot)}Z`;
  return {
    seconds: Date.parse(whole) / 1000,
    nanoseconds: dot < 0 ? 0 : nanoseconds(stamp.slice(dot + 1, -1)),
  };
}

/** Negative when `a` comes before `b`. */
export function compareMoments(a: Moment, b: Moment): number {
  return a.seconds - b.seconds || a.nanoseconds - b.nanoseconds;
}
