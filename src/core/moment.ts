import { durationMs } from "./duration.ts";
import { UsageError } from "./errors.ts";

/** A date, and what may follow it: time, fraction of a second, zone. */
const date = /^\d{4}-\d\d-\d\d(?:T\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?(?:Z|[+-]\d\d:\d\d)?)?$/;

/**
 * A moment as docker's --since and --until take it: seconds since 1970 with an optional fraction, a date with an
 * optional time (local, unless it names a zone), or a duration before `now`. In milliseconds since 1970.
 * @throws UsageError naming `what` for anything else.
 */
export function parseMoment(text: string, what: string, now: number): number {
  if (/^\d+(?:\.\d{1,9})?$/.test(text)) return Number(text) * 1000;
  const ms = durationMs(text);
  if (ms !== undefined) return now - ms;
  if (date.test(text)) {
    // JavaScript knows no hours without minutes, takes a bare date for one in UTC, and forgets all beyond milliseconds.
    const whole = text
      .replace(/^([^T]+)$/, "$1T00:00")
      .replace(/(T\d\d)(?=Z|[+-]|$)/, "$1:00")
      .replace(/(\.\d{3})\d+/, "$1");
    const parsed = Date.parse(whole);
    if (!Number.isNaN(parsed)) return parsed;
  }
  throw new UsageError(
    `${what}: ${JSON.stringify(text)}: expected seconds since 1970, a date such as 2030-01-31T10:00:00, or a duration such as 10m`,
  );
}
