const units: readonly (readonly [string, number])[] = [
  ["year", 365 * 86_400],
  ["month", 30 * 86_400],
  ["week", 7 * 86_400],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];

/** How long ago, in docker's words: `Less than a second`, `5 seconds`, `About a minute`, `3 days`. */
export function describeAge(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < 60) return `${seconds} seconds`;
  for (const [name, length] of units) {
    const count = Math.floor(seconds / length);
    if (count >= 2) return `${count} ${name}s`;
    if (count === 1)
      return name === "minute" || name === "hour"
        ? `About ${name === "hour" ? "an" : "a"} ${name}`
        : `1 ${name}`;
  }
  return `${seconds} seconds`;
}
