import type { NamespaceMode, NamespaceModes, RunRequest, TimeOffset } from "../../container/request.ts";
import { UsageError } from "../../core/errors.ts";
import { type Flags, type Given, refuse } from "../flags.ts";
import { field } from "../number.ts";

const words: Readonly<Record<string, readonly string[]>> = {
  pid: ["private", "host"],
  ipc: ["private", "shareable", "none", "host"],
  uts: ["private", "host"],
  cgroupns: ["private", "host"],
};

function readMode(flags: Flags, name: string): NamespaceMode | undefined {
  const given = flags.one(name);
  if (given === undefined) return undefined;
  const known = words[name] ?? [];
  if (known.includes(given.value)) return given.value as NamespaceMode;
  const joins = name !== "cgroupns";
  if (joins && /^container:[a-zA-Z0-9][\w.-]*$/.test(given.value)) return given.value as NamespaceMode;
  return refuse(given, `${known.join(", ")}${joins ? " or container:NAME" : ""}`);
}

const secondsOf: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
/** The kernel's own bound is KTIME_SEC_MAX / 2, 146 years. */
const mostSeconds = 146 * 365 * 86_400;

/** `+1d`, `-90m`, `1h30m`, `3600` (seconds), `+0.5s`. */
function parseOffset(given: Given): TimeOffset {
  const expected = "an offset such as +1d, -30m or 1h30m, at most 146 years";
  const [, sign = "", rest = ""] = /^([+-]?)(.+)$/s.exec(given.value) ?? [];
  const plain = /^\d+(\.\d{1,9})?$/.test(rest) ? `${rest}s` : rest;
  if (!/^(\d{1,12}(\.\d{1,9})?[smhdw])+$/.test(plain)) return refuse(given, expected);
  let nanoseconds = 0n;
  for (const [, whole = "0", fraction = "", unit = "s"] of plain.matchAll(
    /(\d+)(?:\.(\d{1,9}))?([smhdw])/g,
  )) {
    const scale = BigInt(secondsOf[unit] ?? 1);
    nanoseconds += BigInt(whole) * scale * 1_000_000_000n + BigInt(fraction.padEnd(9, "0")) * scale;
  }
  if (nanoseconds > BigInt(mostSeconds) * 1_000_000_000n) refuse(given, expected);
  if (sign === "-") nanoseconds = -nanoseconds;
  // The kernel wants the nanoseconds from 0 up, also of what lies before.
  const below = ((nanoseconds % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  return { secs: Number((nanoseconds - below) / 1_000_000_000n), nanosecs: Number(below) };
}

function readOffsets(flags: Flags): NamespaceModes["timeOffsets"] {
  const offsets = new Map<string, TimeOffset>();
  for (const given of flags.all("time-offset")) {
    for (const part of given.value.split(",")) {
      const [, clock = "", offset = ""] = /^(boottime|monotonic)=(.*)$/s.exec(part) ?? [];
      if (clock === "") refuse(given, "boottime=OFFSET, monotonic=OFFSET or both with a comma");
      offsets.set(clock, parseOffset({ value: offset, from: `${given.from} ${clock}` }));
    }
  }
  return offsets.size === 0 ? undefined : Object.fromEntries(offsets);
}

/** podman has more words, docker only `host`; what neither knows is refused. */
function readUsers(flags: Flags): NamespaceModes["user"] {
  const given = flags.one("userns");
  if (given === undefined || given.value === "host" || given.value === "") return undefined;
  if (given.value === "auto") return "auto";
  const [uid = 0, gid = 0, size = 0] = /^\d{1,10}:\d{1,10}:\d{1,10}$/.test(given.value)
    ? given.value.split(":").map(Number)
    : [];
  // 0 is root, which is who it shall not be; 2^32 - 1 means no id.
  if (size < 1 || uid < 1 || gid < 1 || Math.max(uid, gid) + size > 2 ** 32 - 1)
    return refuse(given, "host, auto or UID:GID:SIZE such as 100000:100000:65536, ids from 1 to 4294967294");
  return { uid, gid, size };
}

function contradicts(flags: Flags, name: string, mode: NamespaceMode | undefined, why: string): void {
  const given = flags.one(name);
  if (given !== undefined && mode !== undefined && mode !== "private" && mode !== "shareable")
    throw new UsageError(`${given.from}: ${why}`);
}

/** Which namespaces are not the container's own, and the clocks of its own. @throws UsageError */
export function readNamespaces(flags: Flags): Pick<RunRequest, "namespaces"> {
  const [pid, ipc, uts, cgroup] = ["pid", "ipc", "uts", "cgroupns"].map((name) => readMode(flags, name));
  contradicts(flags, "hostname", uts, `the host name is not its own with --uts ${uts}`);
  contradicts(flags, "shm-size", ipc, `/dev/shm is not its own with --ipc ${ipc}`);
  for (const given of flags.all("sysctl")) {
    const name = given.value.split("=", 1)[0] ?? "";
    if (/^(kernel|fs)[./]/.test(name) && (ipc === "host" || ipc?.startsWith("container:") === true))
      throw new UsageError(`${given.from}: ${name}: would change the IPC of ${ipc}, which is not its own`);
  }
  const found = {
    ...field("pid", pid === "private" ? undefined : pid),
    ...field("ipc", ipc === "private" ? undefined : ipc),
    ...field("uts", uts === "private" ? undefined : uts),
    ...field("cgroup", cgroup === "private" ? undefined : cgroup),
    ...field("user", readUsers(flags)),
    ...field("timeOffsets", readOffsets(flags)),
  };
  return Object.keys(found).length === 0 ? {} : { namespaces: found };
}
