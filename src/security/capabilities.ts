import { readFileSync } from "node:fs";
import { UsageError } from "../core/errors.ts";
import { nearest } from "../core/nearest.ts";

/** Every capability by its number, without the CAP_ prefix: include/uapi/linux/capability.h, Linux 5.9 and later. */
const names = [
  ...["CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID"], // 0
  ...["SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW"], // 8
  ...["IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT"], // 14
  ...["SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD"], // 21
  ...["LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG"], // 28
  ...["WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE"], // 35
] as const;

/** Every capability by its number, as `CAP_NET_ADMIN`. */
export const capabilityNames: readonly string[] = names.map((name) => `CAP_${name}`);

/** The capabilities a container gets unless told otherwise: what ordinary programs of a root user need. */
export const defaultCapabilities: readonly string[] = [
  ...["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID"],
  ...["CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_SETFCAP"],
];

/** 12 for `CAP_NET_ADMIN`, also of `CAP_41`, the form for numbers of later kernels; undefined for an unknown name. */
export function capabilityNumber(name: string): number | undefined {
  const number = capabilityNames.indexOf(name);
  if (number >= 0) return number;
  const later = /^CAP_(\d\d)$/.exec(name)?.[1];
  return later !== undefined && Number(later) >= capabilityNames.length && Number(later) < 64
    ? Number(later)
    : undefined;
}

/** `CAP_NET_ADMIN` for 12; `CAP_41` for a number that has no name here. */
export function capabilityName(number: number): string {
  return capabilityNames[number] ?? `CAP_${number}`;
}

/**
 * `net_admin`, `NET_ADMIN` and `CAP_NET_ADMIN` as `CAP_NET_ADMIN`; `all` as `ALL`.
 * @throws UsageError for an unknown name; `what` names the flag.
 */
export function parseCapability(text: string, what: string): string {
  const upper = text.trim().toUpperCase();
  if (upper === "ALL" || upper === "CAP_ALL") return "ALL";
  const name = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
  if (capabilityNames.includes(name)) return name;
  const near = nearest(name, capabilityNames);
  const expected =
    near === undefined
      ? "expected a capability such as NET_ADMIN, or ALL (see capabilities(7))"
      : `did you mean ${near.slice(4)}?`;
  throw new UsageError(`${what}: ${text}: unknown capability; ${expected}`);
}

/** The bit mask of capset(2) for names as in {@link capabilityNames}. */
export function capabilityMask(capabilities: Iterable<string>): bigint {
  let mask = 0n;
  for (const name of capabilities) {
    const number = capabilityNumber(name);
    if (number === undefined) throw new Error(`unknown capability ${name}`);
    mask |= 1n << BigInt(number);
  }
  return mask;
}

/** The names in a bit mask, by number. */
export function capabilitiesIn(mask: bigint): string[] {
  const found: string[] = [];
  for (let number = 0; number < 64; number++) {
    if ((mask >> BigInt(number)) & 1n) found.push(capabilityName(number));
  }
  return found;
}

/** What must be dropped from the bounding set so that only `kept` remains; also numbers that have no name here. */
export function capabilitiesToDrop(
  kept: readonly string[],
  lastCap: number = lastCapability(),
): { readonly number: number; readonly name: string }[] {
  const mask = capabilityMask(kept);
  const drops: { number: number; name: string }[] = [];
  for (let number = 0; number <= lastCap; number++) {
    if (((mask >> BigInt(number)) & 1n) === 0n) drops.push({ number, name: capabilityName(number) });
  }
  return drops;
}

let last: number | undefined;

/** The highest capability number of the running kernel. */
export function lastCapability(): number {
  last ??= Number(readFileSync("/proc/sys/kernel/cap_last_cap", "utf8"));
  return last;
}

let held: bigint | undefined;

/**
 * What this process itself can hand on: permitted and in the bounding set (/proc/self/status CapPrm, CapBnd). Only root
 * starts containers: who is not root, and asks for a plan, is told what root would have here.
 */
export function heldCapabilities(): bigint {
  if (held === undefined) {
    const status = readFileSync("/proc/self/status", "utf8");
    const mask = (field: string): bigint => {
      const at = status.indexOf(`\n${field}:\t`);
      return at < 0 ? 0n : BigInt(`0x${status.slice(at + field.length + 3, at + field.length + 19)}`);
    };
    held = process.geteuid?.() === 0 ? mask("CapPrm") & mask("CapBnd") : mask("CapBnd");
  }
  return held;
}
