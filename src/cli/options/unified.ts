import { checkUnified, ownFlagOf } from "../../../cgroup/unified.ts";
import type { OciResources } from "../../core/oci.ts";
import { type Flags, type Given, refuse } from "../flags.ts";
import { bytes } from "../number.ts";
import type { OptionTable } from "../option-row.ts";

/** What only cgroup v2 has. */
export const unifiedOptions: OptionTable = {
  heading: "Limits:",
  rows: [
    { flags: "--memory-high <bytes>", about: "slow down above this, before --memory kills (cgroup v2)" },
    { flags: "--memory-min <bytes>", about: "memory that is never taken from it (cgroup v2)" },
    { flags: "--oom-group", about: "out of memory, kill all of its processes, not one (cgroup v2)" },
    {
      flags: "--cgroup-conf <file=value>",
      about: "any other file of its cgroup: io.latency='8:0 target=5' (v2)",
    },
  ],
};

const pageSize = 4096;

/** 0 is docker's word for no limit, -1 and `max` those of others. */
function highOf(given: Given): string {
  const size = given.value === "max" || given.value === "-1" ? 0 : bytes(given);
  if (size === 0) return "max";
  return size < pageSize ? refuse(given, `at least ${pageSize} bytes (one page), or max`) : String(size);
}

function conf(given: Given): [string, string] {
  const [, file = "", value = ""] = /^([^=]*)=([^\n]+)$/.exec(given.value) ?? [];
  if (file === "") return refuse(given, "FILE=VALUE, such as io.latency='8:0 target=5'");
  checkUnified(file);
  const flag = ownFlagOf(file);
  return flag === undefined ? [file, value] : refuse(given, `another file: ${file} is set by ${flag}`);
}

/** Files of cgroup v2 by name; undefined when none was asked for. @throws UsageError */
export function readUnified(flags: Flags): OciResources["unified"] | undefined {
  const found = flags.all("cgroup-conf").map(conf);
  const [high, min, group] = [flags.one("memory-high"), flags.one("memory-min"), flags.flag("oom-group")];
  if (high !== undefined) found.push(["memory.high", highOf(high)]);
  if (min !== undefined) found.push(["memory.min", String(bytes(min))]);
  if (group !== undefined) found.push(["memory.oom.group", group ? "1" : "0"]);
  return found.length === 0 ? undefined : Object.fromEntries(found);
}
