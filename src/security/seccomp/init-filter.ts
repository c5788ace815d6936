import { type SyscallName, syscallNumber } from "../../program/syscalls.ts";
import { answer, assemble, bpf, dataAt, type Instruction } from "./instructions.ts";

/** What be_init of init/init.c calls, and nothing else. */
export const initCalls: readonly SyscallName[] = [
  "close_range",
  "munmap",
  "rt_sigtimedwait",
  "kill",
  "wait4",
  "exit_group",
];

/** How a traced program tells what its last step took, the one that sets the filter. */
const tracingCalls: readonly SyscallName[] = ["clock_gettime", "write"];

/** AUDIT_ARCH_* of include/uapi/linux/audit.h */
const auditArch: Readonly<Record<string, number>> = { x64: 0xc000003e, arm64: 0xc00000b7 };
const EPERM = 1;

/**
 * The filter of a container's pid 1 where that is init: struct sock_filter, 8 bytes each. It is the same for every
 * container, also for one without a profile: init does the same in each. Small enough to need no libseccomp.
 */
export function initFilter(traced: boolean, arch: string = process.arch): Uint8Array {
  const allowed = traced ? [...initCalls, ...tracingCalls] : initCalls;
  const refuse: Instruction = [bpf.return, 0, 0, answer.errno(EPERM)];
  const count = allowed.length;
  return assemble([
    [bpf.load, 0, 0, dataAt.arch],
    [bpf.jumpEqual, 1, 0, auditArch[arch] ?? 0],
    refuse,
    [bpf.load, 0, 0, dataAt.number],
    ...allowed.map((name, i): Instruction => [bpf.jumpEqual, count - i, 0, syscallNumber(name, arch)]),
    refuse,
    [bpf.return, 0, 0, answer.allow],
  ]);
}
