import type { OptionTable } from "./option-row.ts";
import { attachingOptions } from "./options/attaching.ts";
import { blockIoOptions } from "./options/block-io.ts";
import { commandOptions } from "./options/command.ts";
import { cpuOptions } from "./options/cpu.ts";
import { environmentOptions } from "./options/environment.ts";
import { fileOptions } from "./options/files.ts";
import { healthOptions } from "./options/health.ts";
import { hugePageOptions } from "./options/huge-pages.ts";
import { identityOptions } from "./options/identity.ts";
import { deviceOptions, namespaceOptions } from "./options/isolation.ts";
import { lifeOptions } from "./options/life.ts";
import { loggingOptions } from "./options/logging.ts";
import { memoryOptions } from "./options/memory.ts";
import { networkOptions } from "./options/network.ts";
import { processOptions } from "./options/processes.ts";
import { resolverOptions } from "./options/resolver.ts";
import { rootOptions } from "./options/root.ts";
import { securityOptions } from "./options/security.ts";
import { showingOptions } from "./options/showing.ts";
import { streamOptions } from "./options/streams.ts";
import { sysctlOptions } from "./options/sysctl.ts";
import { unifiedOptions } from "./options/unified.ts";

/** Those of `run` that are about `run` itself. */
const ofRunAlone: ReadonlySet<OptionTable> = new Set([attachingOptions, showingOptions]);

/** Every option of `run`, in the order of the help text. */
export const runOptions: readonly OptionTable[] = [
  rootOptions,
  identityOptions,
  lifeOptions,
  streamOptions,
  attachingOptions,
  loggingOptions,
  commandOptions,
  environmentOptions,
  fileOptions,
  networkOptions,
  resolverOptions,
  memoryOptions,
  unifiedOptions,
  hugePageOptions,
  cpuOptions,
  blockIoOptions,
  processOptions,
  sysctlOptions,
  namespaceOptions,
  securityOptions,
  deviceOptions,
  healthOptions,
  showingOptions,
];

/** Every option of `create`. */
export const createOptions: readonly OptionTable[] = runOptions.filter((table) => !ofRunAlone.has(table));
