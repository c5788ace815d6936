import type { DetailOptions } from "./options.ts";

/** What a container is called, and has, as far as its log may tell of it. */
export interface Described {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** `NAME=value`. */
  readonly env: readonly string[];
}

/** The fields of docker's templates for `tag`: https://docs.docker.com/engine/logging/log_tags. */
function fieldOf({ id, name, image, command }: Described, field: string): string | undefined {
  switch (field) {
    case "ID":
      return id.slice(0, 12);
    case "FullID":
      return id;
    case "Name":
      return name;
    case "ImageName":
      return image;
    case "Command":
      return command.join(" ");
    case "DaemonName":
      return "mdocker";
    default:
      return undefined;
  }
}

function renderTag(tag: string, described: Described): string {
  return tag.replaceAll(
    /\{\{\s*\.(\w+)\s*\}\}/g,
    (whole, field: string) => fieldOf(described, field) ?? whole,
  );
}

/** What each message of a log tells of its container; undefined when that is nothing. */
export function detailsOf(
  { labels, env, tag }: DetailOptions,
  described: Described,
): Readonly<Record<string, string>> | undefined {
  const found = new Map<string, string>();
  for (const name of labels) {
    const value = Object.hasOwn(described.labels, name) ? described.labels[name] : undefined;
    if (value !== undefined) found.set(name, value);
  }
  for (const name of env) {
    const value = described.env.findLast((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
    if (value !== undefined) found.set(name, value);
  }
  if (tag !== undefined) found.set("tag", renderTag(tag, described));
  return found.size === 0 ? undefined : Object.fromEntries(found);
}

/** Details as `logs --details` shows them before a line: `a=1,b=2`, by name, escaped as in a URL, as docker does. */
export function shownDetails(details: Readonly<Record<string, string>>): string {
  return Object.entries(details)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map((pair) => pair.map((text) => encodeURIComponent(text).replaceAll("%20", "+")).join("="))
    .join(",");
}
