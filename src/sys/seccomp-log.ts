import { closeSync, openSync } from "node:fs";
import { NetlinkSocket } from "./mnl.ts";
import { insideNetns } from "./namespaces.ts";
import { watchReadable } from "./readiness.ts";

/** include/uapi/linux/netlink.h and audit.h. */
const NETLINK_AUDIT = 9;
const AUDIT_NLGRP_READLOG = 1;
const AUDIT_SECCOMP = 1326;

/** What a filter made of a system call that the kernel has logged: SECCOMP_RET_* of linux/seccomp.h. */
const actions = new Map<number, SeccompRecord["action"]>([
  [0x8000_0000, "killed"],
  [0x0000_0000, "killed"],
  [0x0003_0000, "trapped"],
  [0x0005_0000, "refused"],
  [0x7ffc_0000, "logged"],
]);

/** A system call that a seccomp filter has stopped or let through, as the kernel's audit log tells it. */
export interface SeccompRecord {
  /** As the host numbers it. */
  readonly pid: number;
  /** AUDIT_ARCH_* of the machine whose numbers are meant. */
  readonly arch: number;
  readonly syscall: number;
  readonly action: "killed" | "trapped" | "refused" | "logged";
}

/**
 * `audit(1795440697.815:126): ... pid=4732 comm="sh" ... arch=c000003e syscall=79 compat=0 ip=0x7f code=0x7ffc0000`.
 * The fields that the process chooses itself, comm and exe, are quoted or in hex, and stand between those that are read.
 * Undefined for anything else.
 */
export function parseSeccompRecord(text: string): SeccompRecord | undefined {
  const [, pid, arch, syscall, code] =
    /^audit\([\d.:]+\): [^"]*?\bpid=(\d+) .* arch=([0-9a-f]+) syscall=(\d+) compat=\d ip=\S+ code=(0x[0-9a-f]+)/.exec(
      text,
    ) ?? [];
  if (pid === undefined || arch === undefined) return undefined;
  // SECCOMP_RET_ACTION_FULL: the low half is the answer's own.
  const action = actions.get((Number(code) & 0xffff_0000) >>> 0);
  if (action === undefined) return undefined;
  return { pid: Number(pid), arch: Number.parseInt(arch, 16), syscall: Number(syscall), action };
}

/**
 * Calls `tell` for each system call that a seccomp filter logs, of any process of this machine. The kernel tells only
 * sockets of its first network namespace. The answer ends it.
 * @throws SyscallError when it tells nobody (EPROTONOSUPPORT), or not us (EPERM: CAP_AUDIT_READ)
 */
export function watchSeccompLog(tell: (record: SeccompRecord) => void): Disposable {
  const netns = openSync("/proc/1/ns/net", "r");
  let socket: NetlinkSocket;
  try {
    socket = insideNetns(netns, () => new NetlinkSocket(NETLINK_AUDIT, AUDIT_NLGRP_READLOG));
  } finally {
    closeSync(netns);
  }
  const read = (bytes: Uint8Array): void => {
    // struct nlmsghdr: len u32@0 · type u16@4, and the text behind it; a datagram is one message.
    const message = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (message.length < 16 || message.readUInt16LE(4) !== AUDIT_SECCOMP) return;
    const record = parseSeccompRecord(message.toString("latin1", 16).replace(/\0+$/, ""));
    if (record !== undefined) tell(record);
  };
  const end = watchReadable(socket.fd, () => void socket.drain(read));
  return {
    [Symbol.dispose]: () => {
      end();
      // What came in last.
      socket.drain(read);
      socket[Symbol.dispose]();
    },
  };
}
