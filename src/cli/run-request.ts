import type { RunRequest } from "../container/request.ts";
import { UsageError } from "../core/errors.ts";
import type { NetworkRequest } from "../core/network-request.ts";
import type { Flags } from "./flags.ts";
import type { HostView } from "./host-view.ts";
import { field } from "./number.ts";
import { readBlockIo } from "./options/block-io.ts";
import { readCommand } from "./options/command.ts";
import { readCpu, readCpus } from "./options/cpu.ts";
import { readEnvironment } from "./options/environment.ts";
import { readFiles } from "./options/files.ts";
import { readHugePages } from "./options/huge-pages.ts";
import { readIdentity } from "./options/identity.ts";
import { readIsolation } from "./options/isolation.ts";
import { type Life, readLife } from "./options/life.ts";
import { readLogging } from "./options/logging.ts";
import { readMemory } from "./options/memory.ts";
import { readNetwork } from "./options/network.ts";
import { readPids, readUlimits } from "./options/processes.ts";
import { readResolver } from "./options/resolver.ts";
import { readRoot } from "./options/root.ts";
import { readSecurity } from "./options/security.ts";
import { readStreams } from "./options/streams.ts";
import { readSysctl } from "./options/sysctl.ts";
import { readUnified } from "./options/unified.ts";

/** The words after the flags: an image, a command, arguments. */
export interface Words {
  readonly words: readonly string[];
  /** They came after `--`. */
  readonly afterDashes: boolean;
}

/** `left` as commander left them of `all`. It swallows a `--` before them, which says that a command follows. */
export function wordsAfter(left: readonly string[], all: readonly string[]): Words {
  return { words: left, afterDashes: left.length > 0 && all.at(-left.length - 1) === "--" };
}

/** The same with what a config file says, if one is named. @throws UsageError */
export async function configured(flags: Flags, given: Words, view: HostView): Promise<[Flags, Words]> {
  const config = flags.one("config");
  if (config === undefined) return [flags, given];
  const { loadConfig, withConfig } = await import("./config.ts");
  return withConfig(flags, given, await loadConfig(config, view));
}

/** Loads what reads ports only where some are named. */
async function withPorts(
  flags: Flags,
  network: NetworkRequest,
): Promise<Pick<RunRequest, "network" | "exposed" | "publishAll">> {
  if (["publish", "publish-all", "expose"].every((name) => flags.all(name).length === 0)) return { network };
  return (await import("./options/ports.ts")).readPorts(flags, network);
}

/**
 * Translates flags and words into a request. Looks at the host through `view` only, changes nothing.
 * @throws UsageError of one line for anything that is not understood or contradicts itself.
 */
export async function buildRequest(
  flags: Flags,
  given: Words,
  view: HostView,
  life: Life = flags.flag("detach") === true ? "detached" : "foreground",
): Promise<RunRequest> {
  const { root, args } = readRoot(flags, given.words, given.afterDashes, view);
  for (const word of args) {
    if (word.includes("\0")) throw new UsageError("command: an argument cannot hold a zero byte");
  }
  const identity = readIdentity(flags, view);
  const streams = readStreams(flags, view, life);
  if (
    given.words.length === 0 &&
    !streams.interactive &&
    flags.one("image") === undefined &&
    root.kind === "image"
  ) {
    throw new UsageError(
      "run: expected an image or a command, such as mdocker run /bin/bash; see mdocker run --help",
    );
  }
  return {
    root,
    args,
    ...readCommand(flags),
    env: readEnvironment(flags, view),
    ...identity,
    ...(await readLife(flags, life, identity.keep)),
    ...(await readLogging(flags, life)),
    ...streams,
    ...readFiles(flags, view),
    ...(await withPorts(flags, readNetwork(flags))),
    ...readResolver(flags),
    resources: {
      ...field("memory", readMemory(flags)),
      ...field("cpu", readCpu(flags)),
      ...field("pids", readPids(flags)),
      ...field("blockIO", readBlockIo(flags, view)),
      ...field("hugepageLimits", readHugePages(flags)),
      ...field("unified", readUnified(flags)),
    },
    ...field("cpus", readCpus(flags)),
    rlimits: readUlimits(flags),
    sysctl: readSysctl(flags),
    ...readSecurity(flags),
    ...(await readIsolation(flags)),
  };
}
