import { dirname } from "node:path";
import { UsageError } from "../core/errors.ts";
import { type Config, Draft } from "./config/draft.ts";
import { addingFlags } from "./config/keys.ts";
import { isLines, readLinesForm } from "./config/lines.ts";
import { Flags, type Given } from "./flags.ts";
import { type HostView, hostPath } from "./host-view.ts";
import type { Words } from "./run-request.ts";
import { readNamed } from "./text-file.ts";

/**
 * Reads the file of `--config`: YAML when its name ends so or its first line is no assignment, else KEY=VALUE lines.
 * @throws UsageError naming file and line for anything that is not understood.
 */
export async function loadConfig(given: Given, view: HostView): Promise<Config> {
  const text = readNamed(given, view).replace(/^\uFEFF/, "");
  if (text.includes("\0")) throw new UsageError(`${given.from}: ${given.value}: expected a text file`);
  const draft = new Draft(given.value, dirname(hostPath(given, view)));
  if (!/\.ya?ml$/i.test(given.value) && isLines(text)) {
    readLinesForm(text, draft);
  } else {
    const { readYamlForm } = await import("./config/yaml.ts");
    readYamlForm(text, draft);
  }
  return draft;
}

/** What a flag on the command line makes void in the file: the rest of the same decision. */
const overrides: Readonly<Record<string, readonly string[]>> = {
  rootfs: ["image", "pull"],
  network: ["ip", "ip6", "link-local-ip", "mac-address", "network-alias"],
  cpus: ["cpu-quota", "cpu-period"],
  "cpu-quota": ["cpus"],
  "cpu-period": ["cpus"],
  memory: ["memory-swap", "memory-reservation", "memory-high", "memory-min"],
  rm: ["keep"],
};

/** The command line on top of the file: lists add up, otherwise flags win, and words replace the file's command. */
export function withConfig(line: Flags, given: Words, config: Config): [Flags, Words] {
  const merged = new Map(config.flags);
  for (const name of line.names()) {
    for (const other of overrides[name] ?? []) merged.delete(other);
  }
  for (const name of line.names()) {
    const own = line.all(name);
    merged.set(name, addingFlags.has(name) ? [...(merged.get(name) ?? []), ...own] : own);
  }
  const { words, afterDashes } = given;
  const [first] = words;
  const command = config.command ?? [];
  const flags = new Flags(merged);
  if (first === undefined) return [flags, { words: command, afterDashes: command.length > 0 }];
  const hasRoot = merged.has("rootfs") || merged.has("image");
  // One word that names an image leaves the file's command.
  if (words.length === 1 && !hasRoot && !afterDashes && !first.startsWith("/")) {
    return [flags, { words: [first, ...command], afterDashes }];
  }
  return [flags, given];
}
