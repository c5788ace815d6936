/** A time as it stands in a log, with all nine digits, as docker shows it. */
export function shownTime(stamp: string): string {
  const [whole = "", fraction = ""] = stamp.slice(0, -1).split(".");
  return `${whole}.${fraction.padEnd(9, "0")}Z`;
}
