import { answer, assemble, bpf, dataAt, type Instruction } from "./instructions.ts";

/**
 * Numbers of the calls that a libseccomp of the last years may not know. From 424 on a call has the same number on every
 * architecture (scripts/syscall.tbl of the kernel), so that these need no table of their own for each.
 */
export const lateSyscalls: Readonly<Record<string, number>> = {
  mount_setattr: 442,
  quotactl_fd: 443,
  landlock_create_ruleset: 444,
  landlock_add_rule: 445,
  landlock_restrict_self: 446,
  memfd_secret: 447,
  process_mrelease: 448,
  futex_waitv: 449,
  set_mempolicy_home_node: 450,
  cachestat: 451,
  fchmodat2: 452,
  map_shadow_stack: 453,
  futex_wake: 454,
  futex_wait: 455,
  futex_requeue: 456,
  statmount: 457,
  listmount: 458,
  lsm_get_self_attr: 459,
  lsm_set_self_attr: 460,
  lsm_list_modules: 461,
  mseal: 462,
  setxattrat: 463,
  getxattrat: 464,
  listxattrat: 465,
  removexattrat: 466,
  open_tree_attr: 467,
  file_getattr: 468,
  file_setattr: 469,
};

/** What the prologue decides for the calls of one architecture. */
export interface PrologueSection {
  /** AUDIT_ARCH_* */
  readonly arch: number;
  /** SECCOMP_RET_* by the number of a call. */
  readonly late: ReadonlyMap<number, number>;
  /** Calls above this number are answered with ENOSYS; undefined: left to the program. */
  readonly newest: number | undefined;
}

const ENOSYS = 38;
/** x32 calls are x86_64 calls with this bit in the number. */
const X32_BIT = 0x40000000;

/** Decides, or jumps behind its own end. */
function section({ arch, late, newest }: PrologueSection): Instruction[] {
  const decisions: Instruction[] = [];
  for (const [number, action] of late) {
    decisions.push([bpf.jumpEqual, 0, 1, number], [bpf.return, 0, 0, action]);
  }
  if (newest !== undefined)
    decisions.push([bpf.jumpGreater, 0, 1, newest], [bpf.return, 0, 0, answer.errno(ENOSYS)]);
  if (decisions.length === 0) return [];
  const lowest = Math.min(...late.keys(), newest === undefined ? Number.POSITIVE_INFINITY : newest + 1);
  const skip = decisions.length;
  return [
    [bpf.load, 0, 0, dataAt.arch],
    [bpf.jumpEqual, 0, skip + 3, arch],
    [bpf.load, 0, 0, dataAt.number],
    [bpf.jumpGreaterEqual, 0, skip + 1, lowest],
    [bpf.jumpGreaterEqual, skip, 0, X32_BIT],
    ...decisions,
  ];
}

/**
 * Puts decisions about late calls in front of a filter. A call newer than the profile is answered with ENOSYS, as a
 * kernel would that lacks it, so that a C library falls back to the older call; EPERM would be taken as final. Jumps of
 * classic BPF are relative, so the filter itself stays as it is.
 */
export function prependPrologue(sections: readonly PrologueSection[], filter: Uint8Array): Uint8Array {
  const bytes = Buffer.concat([assemble(sections.flatMap(section)), filter]);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
