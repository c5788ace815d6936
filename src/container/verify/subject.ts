import { readFileSync, readlinkSync } from "node:fs";
import type { CgroupHost } from "../../../cgroup/host.ts";
import type { OciSpec } from "../../core/oci.ts";
import type { Instance } from "../../core/paths.ts";
import { ifAllowed, ifThere } from "../open-files.ts";
import type { ContainerRecord } from "../record.ts";

/** The container that is looked at. */
export interface Subject {
  readonly instance: Instance;
  readonly record: ContainerRecord;
  readonly spec: OciSpec;
  readonly cgroups: CgroupHost;
  /** Its pid 1 and its cgroup. */
  readonly init: number;
  readonly cgroup: string;
  readonly processes: readonly Process[];
}

/** What /proc/PID/status says of a process, as far as isolation goes. */
export interface Process {
  readonly pid: number;
  /** Its pid in each pid namespace it is in, the innermost last. */
  readonly pids: readonly number[];
  readonly name: string;
  /** True for mdocker's own pid 1. */
  readonly isInit: boolean;
  readonly capabilities: Readonly<
    Record<"bounding" | "permitted" | "effective" | "inheritable" | "ambient", bigint>
  >;
  readonly noNewPrivileges: boolean;
  /** 0 none, 1 strict, 2 filter. */
  readonly seccomp: number;
  readonly filters: number;
}

/** Reads {@link Process} from the text of /proc/PID/status. */
export function parseStatus(text: string): Omit<Process, "isInit"> {
  const field = (key: string): string => new RegExp(`^${key}:\\s*(.*)$`, "m").exec(text)?.[1] ?? "";
  const mask = (key: string): bigint => BigInt(`0x${field(key) || "0"}`);
  return {
    pid: Number(field("Pid")),
    pids: field("NSpid").split(/\s+/).map(Number),
    name: field("Name"),
    capabilities: {
      bounding: mask("CapBnd"),
      permitted: mask("CapPrm"),
      effective: mask("CapEff"),
      inheritable: mask("CapInh"),
      ambient: mask("CapAmb"),
    },
    noNewPrivileges: field("NoNewPrivs") === "1",
    seccomp: Number(field("Seccomp") || 0),
    filters: Number(field("Seccomp_filters") || 0),
  };
}

/** A process; undefined when it has gone. */
export function readProcess(pid: number, init: number): Process | undefined {
  return ifThere(() => {
    const status = parseStatus(readFileSync(`/proc/${pid}/status`, "utf8"));
    const isInit = pid === init && readlinkSync(`/proc/${pid}/exe`).startsWith("/memfd:mdocker-init");
    return { ...status, isInit };
  });
}

/** A namespace by its kind, as /proc/PID/ns has it: `net:[4026531840]`; undefined when it cannot be told. */
export function namespaceOf(pid: number | string, kind: string): string | undefined {
  return ifAllowed(() => readlinkSync(`/proc/${pid}/ns/${kind}`));
}

/** `sh (12)`: for a table. */
export function named({ name, pid }: Process): string {
  return `${name.replaceAll(/\p{C}/gu, "?")} (${pid})`;
}
