import { type Given, refuse } from "./flags.ts";

/**
 * `key=value,key,"key=a,b"` taken apart: the comma-separated values of docker's --mount and --network, quotes as in
 * RFC 4180. A key without `=` has no value. @throws UsageError for an open quote or an empty field.
 */
export function splitPairs(given: Given): [string, string | undefined][] {
  const fields: string[] = given.value.match(/(?:"(?:[^"]|"")*"|[^",])+|(?<=,)(?=,|$)/g) ?? [];
  if (fields.join(",") !== given.value || fields.includes("")) refuse(given, "KEY=VALUE,KEY=VALUE...");
  return fields.map((text) => {
    const field = text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text;
    const equals = field.indexOf("=");
    return equals < 0
      ? [field.trim(), undefined]
      : [field.slice(0, equals).trim(), field.slice(equals + 1).trim()];
  });
}
