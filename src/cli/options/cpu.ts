import type { OciResources } from "../../core/oci.ts";
import { type Flags, type Given, refuse, refuseBoth } from "../flags.ts";
import { field, wholeNumber } from "../number.ts";
import type { OptionTable } from "../option-row.ts";

export const cpuOptions: OptionTable = {
  heading: "Limits:",
  rows: [
    { flags: "--cpus <number>", about: "CPUs' worth of time: 1.5" },
    { flags: "-c, --cpu-shares <number>", about: "weight against other containers; 1024 is usual" },
    { flags: "--cpu-quota <microseconds>", about: "CPU time in each period; -1 is unlimited" },
    { flags: "--cpu-period <microseconds>", about: "length of a period; 100000 unless given" },
    { flags: "--cpu-rt-runtime <microseconds>", about: "real-time CPU time in each period (cgroup v1 only)" },
    { flags: "--cpu-rt-period <microseconds>", about: "length of that period; 1000000 unless given" },
    { flags: "--cpuset-cpus <list>", about: "run on these CPUs only: 0-2,4" },
    { flags: "--cpuset-mems <list>", about: "use memory of these NUMA nodes only" },
  ],
};

const usualPeriod = 100_000;

function parseCpus(given: Given): { quota: number; period: number } | undefined {
  const cpus = /^\d+(\.\d+)?$|^\.\d+$/.test(given.value) ? Number(given.value) : Number.NaN;
  if (cpus === 0) return undefined;
  // CFS takes quotas from 1 ms (kernel/sched/core.c min_cfs_quota_period).
  if (!(cpus >= 0.01 && cpus <= 8192)) refuse(given, "a number of CPUs such as 0.5 or 2, at least 0.01");
  return { quota: Math.round(cpus * usualPeriod), period: usualPeriod };
}

/** cpuset(7) "List format". */
function parseList(given: Given): string {
  const ranges = given.value.split(",").map((range) => /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(range));
  const ordered = ranges.every((range) => range !== null && Number(range[1]) <= Number(range[2] ?? range[1]));
  return ordered ? given.value : refuse(given, "a list such as 0-2,4");
}

/** What `--cpus` says; undefined when it says nothing. @throws UsageError */
export function readCpus(flags: Flags): number | undefined {
  const given = flags.one("cpus");
  return given === undefined || parseCpus(given) === undefined ? undefined : Number(given.value);
}

/** CPU limits; undefined when none was asked for. @throws UsageError */
export function readCpu(flags: Flags): OciResources["cpu"] | undefined {
  for (const name of ["cpu-quota", "cpu-period"]) {
    refuseBoth(flags, "cpus", name, "--cpus stands for quota and period");
  }
  const [cpus, shares, quota, period] = ["cpus", "cpu-shares", "cpu-quota", "cpu-period"].map((name) =>
    flags.one(name),
  );
  const weight = shares === undefined ? 0 : wholeNumber(shares, 0, 262_144);
  if (shares !== undefined && weight === 1) refuse(shares, "2 to 262144, or 0 for the default");
  const time = quota === undefined ? 0 : wholeNumber(quota, -1);
  if (quota !== undefined && time > 0 && time < 1000) refuse(quota, "at least 1000 microseconds, or -1");
  const length = period === undefined ? 0 : wholeNumber(period, 0, 1_000_000);
  if (period !== undefined && length > 0 && length < 1000) refuse(period, "1000 to 1000000 microseconds");
  const [budget, every] = [flags.one("cpu-rt-runtime"), flags.one("cpu-rt-period")];
  const [cores, nodes] = [flags.one("cpuset-cpus"), flags.one("cpuset-mems")];
  const found = {
    ...field("shares", weight === 0 ? undefined : weight),
    ...field("quota", time === 0 ? undefined : time),
    ...field("period", length === 0 ? undefined : length),
    ...(cpus === undefined ? {} : parseCpus(cpus)),
    ...field("realtimeRuntime", budget === undefined ? undefined : wholeNumber(budget, 0)),
    ...field("realtimePeriod", every === undefined ? undefined : wholeNumber(every, 1)),
    ...field("cpus", cores === undefined ? undefined : parseList(cores)),
    ...field("mems", nodes === undefined ? undefined : parseList(nodes)),
  };
  return Object.keys(found).length === 0 ? undefined : found;
}
