import type { OciResources, OciRlimit } from "../../core/oci.ts";
import { parseRlimitName } from "../../security/rlimits.ts";
import { type Flags, type Given, refuse } from "../flags.ts";
import { wholeNumber } from "../number.ts";
import type { OptionTable } from "../option-row.ts";

export const processOptions: OptionTable = {
  heading: "Limits:",
  rows: [
    { flags: "--pids-limit <number>", about: "processes and threads; -1 is unlimited" },
    {
      flags: "--ulimit <name=soft[:hard]>",
      about: "limit of setrlimit(2): nofile=1024:4096, core=unlimited",
    },
  ],
};

/** -1 is unlimited, here and in the OCI document. */
function parseLimit(given: Given, text: string): number {
  if (text === "unlimited" || text === "-1") return -1;
  if (!/^\d{1,15}$/.test(text)) refuse(given, "NAME=SOFT[:HARD], numbers or unlimited");
  return Number(text);
}

function parseUlimit(given: Given): OciRlimit {
  const [, name = "", soft = "", hard = soft] = /^([^=]*)=([^:]*)(?::([^:]*))?$/s.exec(given.value) ?? [];
  if (name === "") refuse(given, "NAME=SOFT[:HARD], such as nofile=1024:4096");
  const limit = {
    type: parseRlimitName(name, given.from),
    soft: parseLimit(given, soft),
    hard: parseLimit(given, hard),
  };
  const above = limit.hard !== -1 && (limit.soft === -1 || limit.soft > limit.hard);
  return above ? refuse(given, "a soft limit up to the hard one") : limit;
}

/** Rlimits; the last of each name counts. @throws UsageError */
export function readUlimits(flags: Flags): OciRlimit[] {
  return [
    ...new Map(
      flags
        .all("ulimit")
        .map(parseUlimit)
        .map((limit) => [limit.type, limit]),
    ).values(),
  ];
}

/** The limit of processes; undefined when none was asked for. @throws UsageError */
export function readPids(flags: Flags): OciResources["pids"] | undefined {
  const given = flags.one("pids-limit");
  if (given === undefined) return undefined;
  const limit = wholeNumber(given, -1, 4_194_304);
  // 0 is docker's other word for unlimited.
  return { limit: limit === 0 ? -1 : limit };
}
