import { renderTemplate } from "./template.ts";

/** An event of the Docker Engine API. */
interface ApiEvent {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
}

/** Go's RFC3339Nano in local time: `2030-01-31T10:00:00.123456789+01:00`. */
function timeText(nanoseconds: bigint): string {
  const date = new Date(Number(nanoseconds / 1_000_000n));
  const offset = -date.getTimezoneOffset();
  const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, 19);
  const two = (value: number): string => String(value).padStart(2, "0");
  const zone = `${offset < 0 ? "-" : "+"}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
  return `${local}.${String(nanoseconds % 1_000_000_000n).padStart(9, "0")}${zone}`;
}

/** One line of GET /events as `events` shows it: docker's line, itself for json, or a template. @throws UsageError */
export function eventText(line: string, format: string | undefined): string {
  if (format === "json" || format === "{{json .}}") return line;
  const event = JSON.parse(line) as ApiEvent;
  if (format !== undefined) return renderTemplate(format, event);
  // More digits than a number of JavaScript has.
  const nanoseconds = BigInt(/"timeNano":(\d+)/.exec(line)?.[1] ?? 0);
  const attributes = Object.entries(event.Actor.Attributes)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`);
  const more = attributes.length === 0 ? "" : ` (${attributes.join(", ")})`;
  return `${timeText(nanoseconds)} ${event.Type} ${event.Action} ${event.Actor.ID}${more}`;
}
