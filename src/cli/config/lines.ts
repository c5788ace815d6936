import { UsageError } from "../../core/errors.ts";
import type { Given } from "../flags.ts";
import type { Draft } from "./draft.ts";
import { lineKeys } from "./keys.ts";
import { refuseKey } from "./unknown-key.ts";
import { splitWords } from "./words.ts";

const assignment = /^(?:export\s+)?([A-Za-z_][\w.-]*)\s*=\s*(.*)$/;

/** True when the first line that says something is `KEY=VALUE`. */
export function isLines(text: string): boolean {
  const first = text.split(/\r?\n/).find((line) => /^\s*[^#\s]/.test(line));
  return first !== undefined && assignment.test(first.trim());
}

/** The value without its quotes and without a comment after it. */
function unquote(text: string, at: string): string {
  const quoted = /^"((?:[^"\\]|\\.)*)"\s*(?:#.*)?$/.exec(text);
  if (quoted !== null) return (quoted[1] ?? "").replaceAll(/\\(["\\$`])/g, "$1");
  const literal = /^'([^']*)'\s*(?:#.*)?$/.exec(text);
  if (literal !== null) return literal[1] ?? "";
  if (/^["']/.test(text))
    throw new UsageError(`${at}: ${text}: expected a closing quote, and nothing after it`);
  return text.replace(/(^|\s+)#.*$/, "").trimEnd();
}

/** Reads the KEY=VALUE form into `draft`. @throws UsageError naming file and line */
export function readLinesForm(text: string, draft: Draft): void {
  const seen = new Map<string, string>();
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    const at = `${draft.file}:${index + 1}`;
    if (line === "" || line.startsWith("#")) continue;
    const [, name, rest = ""] = assignment.exec(line) ?? [];
    if (name === undefined) throw new UsageError(`${at}: ${JSON.stringify(line)}: expected KEY=VALUE`);
    const given: Given = { value: unquote(rest, at), from: `${at}: ${name}`, directory: draft.directory };
    if (name.startsWith("ENV_") && name !== "ENV_FILE" && name.length > 4) {
      draft.add("env", { ...given, value: `${name.slice(4)}=${given.value}` });
      continue;
    }
    const key = lineKeys.get(name);
    if (key === undefined) refuseKey(at, name, [...lineKeys.keys(), "ENV_name"]);
    if (key.shape === "words") {
      draft.addWords(key.flag, splitWords(given));
    } else {
      const before = seen.get(key.flag);
      if (before !== undefined && !key.adds)
        throw new UsageError(`${at}: ${name} was set already in line ${before}`);
      draft.add(key.flag, given);
    }
    seen.set(key.flag, String(index + 1));
  }
}
