import { UsageError } from "./errors.ts";

const unitsMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** A duration in Go's notation, `1h30m`, `1.5s`, `300ms`, `0`, in milliseconds; undefined for anything else. */
export function durationMs(text: string): number | undefined {
  if (/^[+-]?0$/.test(text)) return 0;
  if (!/^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(text)) return undefined;
  let ms = 0;
  for (const [, number, unit = ""] of text.matchAll(/(\d+\.?\d*|\.\d+)([a-zµμ]+)/g))
    ms += Number(number) * (unitsMs[unit] ?? 0);
  return text.startsWith("-") ? -ms : ms;
}

/** The same. @throws UsageError naming `what` when it is none. */
export function parseDuration(text: string, what: string): number {
  const ms = durationMs(text);
  if (ms !== undefined) return ms;
  throw new UsageError(`${what}: ${JSON.stringify(text)}: expected a duration such as 300ms, 10s or 1h30m`);
}
