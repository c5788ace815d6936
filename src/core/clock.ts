/**
 * Milliseconds since some fixed moment, for measuring how long a thing takes; a change of the host's time does not show.
 * The same clock as performance.now(), whose first use has Node load ten modules: a twentieth of a whole start.
 */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}

const dayMs = 86_400_000;

function digits(value: number, count: number): string {
  return String(value).padStart(count, "0");
}

/**
 * The moment `ms` after 1970 began, in UTC, as RFC 3339 has it and Date.toISOString() does: `2026-01-31T12:00:00.000Z`.
 * The first use of any Date makes V8 find out the time zone, for which it reads a handful of files: an eightieth of a
 * whole start. Whole milliseconds from 1970 to 9999.
 */
export function isoTime(ms: number = Date.now()): string {
  // Years are counted from March, so that a leap day is the last of its year: days since 0000-03-01.
  const days = Math.floor(ms / dayMs) + 719_468;
  const era = Math.floor(days / 146_097);
  const dayOfEra = days - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0);
  const time = ms % dayMs;
  const [hour, minute] = [Math.floor(time / 3_600_000), Math.floor(time / 60_000) % 60];
  const second = `${digits(Math.floor(time / 1000) % 60, 2)}.${digits(time % 1000, 3)}`;
  return `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}T${digits(hour, 2)}:${digits(minute, 2)}:${second}Z`;
}
