import type { OciResources } from "../../core/oci.ts";
import { type Flags, type Given, refuse } from "../flags.ts";
import { bytes, field, wholeNumber } from "../number.ts";
import type { OptionTable } from "../option-row.ts";

export const memoryOptions: OptionTable = {
  heading: "Limits:",
  rows: [
    { flags: "-m, --memory <bytes>", about: "memory: 512k, 64m, 1.5g" },
    { flags: "--memory-swap <bytes>", about: "memory and swap together; -1 is unlimited swap" },
    {
      flags: "--memory-reservation <bytes>",
      about: "memory that is spared when the host runs short; more is warned of",
    },
    {
      flags: "--memory-swappiness <number>",
      about: "how gladly it is swapped out: 0 to 100 (cgroup v1 only)",
    },
    { flags: "--oom-kill-disable", about: "stop instead of killing when out of memory (cgroup v1 only)" },
  ],
};

/** 0 is docker's word for no limit. */
function limit(given: Given | undefined): number | undefined {
  const value = given === undefined ? 0 : bytes(given);
  return value === 0 ? undefined : value;
}

/**
 * Memory limits; undefined when none was asked for. Those of a new container have to make sense by themselves, changes
 * only together with what the container has.
 * @throws UsageError
 */
export function readMemory(flags: Flags, changes = false): OciResources["memory"] | undefined {
  const memory = limit(flags.one("memory"));
  const reservation = limit(flags.one("memory-reservation"));
  const given = flags.one("memory-swap");
  const swap = given?.value === "-1" ? -1 : limit(given);
  if (given !== undefined && swap !== undefined && !(changes && memory === undefined)) {
    if (memory === undefined) refuse(given, "--memory with it: it is memory and swap together");
    if (swap >= 0 && swap < memory)
      refuse(given, `at least --memory (${memory} bytes): it is memory and swap together`);
  }
  const soft = flags.one("memory-reservation");
  if (soft !== undefined && reservation !== undefined && memory !== undefined && reservation > memory) {
    refuse(soft, `at most --memory (${memory} bytes)`);
  }
  const swappiness = flags.one("memory-swappiness");
  const disabled = flags.flag("oom-kill-disable");
  const found = {
    ...field("limit", memory),
    ...field("reservation", reservation),
    ...field("swap", swap),
    ...field("swappiness", swappiness === undefined ? undefined : wholeNumber(swappiness, 0, 100)),
    ...field("disableOOMKiller", disabled === true ? true : undefined),
  };
  return Object.keys(found).length === 0 ? undefined : found;
}
