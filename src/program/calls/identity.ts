import { bytes, text, words } from "../data.ts";
import type { Step } from "../step.ts";
import { prctl } from "./process.ts";

const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_RAISE = 2;
const PR_SET_KEEPCAPS = 8;
const SECCOMP_SET_MODE_FILTER = 1;
const LINUX_CAPABILITY_VERSION_3 = 0x20080522;

/** setgroups(2), setresgid(2), setresuid(2), in the only order that works: each takes the right to do the one before. */
export function becomeUser(uid: number, gid: number, groups: readonly number[]): Step[] {
  const list = Buffer.alloc(groups.length * 4);
  groups.forEach((group, i) => {
    list.writeUInt32LE(group, i * 4);
  });
  const step = (
    call: "setgroups" | "setresgid" | "setresuid",
    args: Step["args"],
    shown: string,
    reason: string,
  ): Step => ({
    kind: "syscall",
    call,
    args,
    text: () => `${call}(${shown})`,
    reason,
    label: `${call} ${shown}`,
  });
  return [
    step(
      "setgroups",
      [groups.length, bytes(list)],
      `[${groups.join(", ")}]`,
      "the user's groups and no others",
    ),
    step("setresgid", [gid, gid, gid], `${gid}, ${gid}, ${gid}`, "the command's group"),
    step("setresuid", [uid, uid, uid], `${uid}, ${uid}, ${uid}`, "the command's user"),
  ];
}

/** Keeps the permitted set over setresuid, so that capset can still be called after it. */
export function keepCapabilities(keep: boolean): Step {
  return prctl(
    PR_SET_KEEPCAPS,
    "PR_SET_KEEPCAPS",
    [keep ? 1 : 0],
    keep ? "capabilities survive the change of user" : "and not a later one",
  );
}

/** Drops one capability from the bounding set; the kernel answers EINVAL for numbers it does not know. */
export function dropFromBounding(number: number, name: string): Step {
  return {
    ...prctl(PR_CAPBSET_DROP, "PR_CAPBSET_DROP", [number], `nothing the command starts can gain ${name}`),
    text: () => `prctl(PR_CAPBSET_DROP, ${name})`,
    tolerate: ["EINVAL"],
  };
}

/** Raises one capability in the ambient set: a program without file capabilities keeps it over execve. */
export function raiseAmbient(number: number, name: string): Step {
  return {
    ...prctl(
      PR_CAP_AMBIENT,
      "PR_CAP_AMBIENT",
      [PR_CAP_AMBIENT_RAISE, number],
      `the user was granted ${name}`,
    ),
    text: () => `prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, ${name})`,
  };
}

/** capset(2) for the calling process; masks by capability number. struct __user_cap_data_struct[2]. */
export function setCapabilities(effective: bigint, permitted: bigint, inheritable: bigint): Step {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(LINUX_CAPABILITY_VERSION_3, 0);
  const data = Buffer.alloc(24);
  [effective, permitted, inheritable].forEach((mask, i) => {
    data.writeUInt32LE(Number(mask & 0xffffffffn), i * 4);
    data.writeUInt32LE(Number(mask >> 32n), 12 + i * 4);
  });
  const shown = `effective=0x${effective.toString(16)}, permitted=0x${permitted.toString(16)}, inheritable=0x${inheritable.toString(16)}`;
  return {
    kind: "syscall",
    call: "capset",
    args: [bytes(header), bytes(data)],
    text: () => `capset({version 3}, {${shown}})`,
    reason: "exactly the capabilities it was given",
    label: "set capabilities",
  };
}

/** No program started from here on gains privileges by set-user-id or file capabilities. */
export function noNewPrivileges(): Step {
  return prctl(PR_SET_NO_NEW_PRIVS, "PR_SET_NO_NEW_PRIVS", [1], "set-user-id programs give nothing");
}

/** seccomp(SECCOMP_SET_MODE_FILTER) with a compiled program of struct sock_filter, 8 bytes each. */
export function setSeccompFilter(filter: Uint8Array, name: string): Step {
  const count = filter.length / 8;
  return {
    kind: "syscall",
    call: "seccomp",
    args: [SECCOMP_SET_MODE_FILTER, 0, words([count, bytes(filter)])],
    text: () => `seccomp(SECCOMP_SET_MODE_FILTER, 0, {len=${count}})`,
    reason: `system calls pass the profile ${name}`,
    label: "set seccomp filter",
  };
}

/** prlimit64(2) on the calling process. Infinity is RLIM_INFINITY. */
export function setLimit(resource: number, name: string, soft: number, hard: number): Step {
  const data = Buffer.alloc(16);
  const wire = (value: number): bigint =>
    Number.isFinite(value) && value >= 0 ? BigInt(value) : 0xffffffffffffffffn;
  data.writeBigUInt64LE(wire(soft), 0);
  data.writeBigUInt64LE(wire(hard), 8);
  return {
    kind: "syscall",
    call: "prlimit64",
    args: [0, resource, bytes(data), 0],
    text: () => `prlimit64(0, ${name}, {soft=${soft}, hard=${hard}}, NULL)`,
    reason: "as --ulimit asks",
    label: `set ${name} to ${soft}:${hard}`,
  };
}

/** sethostname(2) */
export function setHostname(name: string): Step {
  return {
    kind: "syscall",
    call: "sethostname",
    args: [text(name), Buffer.byteLength(name)],
    text: () => `sethostname(${JSON.stringify(name)})`,
    reason: "the container's own name",
    label: `set host name ${name}`,
  };
}

/** umask(2) */
export function setUmask(mask: number, reason: string): Step {
  return {
    kind: "syscall",
    call: "umask",
    args: [mask],
    text: () => `umask(0${mask.toString(8)})`,
    reason,
    label: "umask",
  };
}

/** setfsgid(2), setfsuid(2): whose files are made. They answer the id before, whatever happens. */
export function setFileIds(uid: number, gid: number): [Step, Step] {
  const reason = "new files belong to the container's root";
  const step = (call: "setfsuid" | "setfsgid", id: number): Step => ({
    kind: "syscall",
    call,
    args: [id],
    text: () => `${call}(${id})`,
    reason,
    label: `${call} ${id}`,
  });
  return [step("setfsgid", gid), step("setfsuid", uid)];
}
