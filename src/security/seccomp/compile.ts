import { UsageError } from "../../core/errors.ts";
import { nearest } from "../../core/nearest.ts";
import type { OciSeccomp, OciSyscallRule } from "../../core/oci.ts";
import {
  type ArgumentComparison,
  libseccompVersion,
  resolveSyscall,
  SCMP_FLTATR_CTL_OPTIMIZE,
  SeccompFilter,
} from "../../sys/seccomp.ts";
import { lateSyscalls, type PrologueSection, prependPrologue } from "./prologue.ts";
import { nativeArchitecture } from "./resolve.ts";

const EPERM = 1;

/** AUDIT_ARCH_* of include/uapi/linux/audit.h by libseccomp's names; x32 is x86_64's own with a bit in the numbers. */
const architectures: Readonly<Record<string, number>> = {
  SCMP_ARCH_X86: 0x40000003,
  SCMP_ARCH_X86_64: 0xc000003e,
  SCMP_ARCH_X32: 0x4000003e,
  SCMP_ARCH_ARM: 0x40000028,
  SCMP_ARCH_AARCH64: 0xc00000b7,
};

/** libseccomp's names that profiles may have and that neither machine of ours can run. */
const foreignArchitecture: RegExp = /^SCMP_ARCH_(MIPS|PPC|S390|PARISC|RISCV|LOONGARCH|M68K|SH)/;

/** SECCOMP_RET_* of include/uapi/linux/seccomp.h. */
const actions: Readonly<Record<string, number>> = {
  SCMP_ACT_KILL: 0x00000000,
  SCMP_ACT_KILL_THREAD: 0x00000000,
  SCMP_ACT_KILL_PROCESS: 0x80000000,
  SCMP_ACT_TRAP: 0x00030000,
  SCMP_ACT_ERRNO: 0x00050000,
  SCMP_ACT_TRACE: 0x7ff00000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_ALLOW: 0x7fff0000,
};

const operators = ["", "NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"];

/** A filter the kernel takes, and what the profile asked that could not be put into it. */
export interface CompiledSeccomp {
  /** Array of struct sock_filter, 8 bytes each. */
  readonly program: Uint8Array;
  readonly notes: readonly string[];
}

function actionValue(action: string, errno: number | undefined): number {
  const value = actions[action];
  if (value === undefined) throw new Error(`unknown seccomp action ${action}`);
  const carries = action === "SCMP_ACT_ERRNO" || action === "SCMP_ACT_TRACE";
  return carries ? value + (errno ?? EPERM) : value;
}

/** The AUDIT_ARCH_* numbers of a profile, the native one first. @throws UsageError for an unknown one. */
export function architectureNumbers(profile: OciSeccomp, file: string): number[] {
  const found = new Set([architectures[nativeArchitecture(process.arch)] ?? 0]);
  for (const name of profile.architectures ?? []) {
    const number = architectures[name];
    if (number !== undefined) found.add(number);
    else if (!foreignArchitecture.test(name)) {
      const near = nearest(name, Object.keys(architectures));
      throw new UsageError(
        `seccomp profile ${file}: architectures: ${name}: expected ${near ?? "SCMP_ARCH_X86_64 or SCMP_ARCH_AARCH64"}`,
      );
    }
  }
  return [...found];
}

/** libseccomp takes each argument once in a rule: with one compared twice, each comparison is a rule, as in runc. */
function comparisons(rule: OciSyscallRule): ArgumentComparison[][] {
  const args = (rule.args ?? []).map(({ index, value, valueTwo, op }) => ({
    index,
    op: operators.indexOf(op.replace("SCMP_CMP_", "")),
    a: BigInt(value),
    b: BigInt(valueTwo ?? 0),
  }));
  const indexes = new Set(args.map(({ index }) => index));
  return indexes.size === args.length ? [args] : args.map((arg) => [arg]);
}

/** The highest number that the profile knows of, listed or denied, for one architecture. */
function newest(profile: OciSeccomp, arch: number): number {
  const names = (profile.syscalls ?? []).flatMap((rule) => rule.names);
  return names.reduce(
    (highest, name) => Math.max(highest, resolveSyscall(arch, name) ?? lateSyscalls[name] ?? 0),
    0,
  );
}

/**
 * Compiles a profile with libseccomp for this machine and the further architectures it names. Names that
 * neither libseccomp nor mdocker knows are left out, with a note. `file` names the profile in errors.
 * @throws UsageError for an unknown architecture, SetupError when libseccomp is missing or refuses.
 */
export function compileSeccomp(profile: OciSeccomp, file: string): CompiledSeccomp {
  const fallback = actionValue(profile.defaultAction, profile.defaultErrnoRet);
  const tokens = architectureNumbers(profile, file);
  const native = tokens[0] ?? 0;
  const unknown = new Set<string>();
  const late = new Map<number, number>();
  using filter = new SeccompFilter(fallback);
  // Several hundred calls: a search tree instead of a list. Before 2.5 there was only the list.
  filter.setAttribute(SCMP_FLTATR_CTL_OPTIMIZE, 2);
  for (const token of tokens) filter.addArchitecture(token);
  for (const rule of profile.syscalls ?? []) {
    const action = actionValue(rule.action, rule.errnoRet);
    // libseccomp refuses a rule that changes nothing.
    if (action === fallback) continue;
    for (const name of rule.names) {
      const number = resolveSyscall(native, name);
      if (number !== undefined) {
        for (const args of comparisons(rule)) filter.addRule(action, number, args, name);
        continue;
      }
      const known = lateSyscalls[name];
      if (known === undefined || rule.args !== undefined) unknown.add(name);
      else late.set(known, action);
    }
  }
  const permissive = ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"].includes(profile.defaultAction);
  const sections = tokens
    // Its calls are x86_64's with bit 30 set, which the prologue passes over.
    .filter((token) => token !== architectures["SCMP_ARCH_X32"])
    .map(
      (token): PrologueSection => ({
        arch: token,
        late,
        newest: permissive ? undefined : newest(profile, token),
      }),
    );
  const notes: string[] = [];
  if (unknown.size > 0) {
    notes.push(
      `seccomp profile ${file}: libseccomp ${libseccompVersion()} does not know these system calls, which are left out: ` +
        [...unknown].join(", "),
    );
  }
  if (profile.flags !== undefined && profile.flags.length > 0) {
    notes.push(`seccomp profile ${file}: flags are not supported and left out: ${profile.flags.join(", ")}`);
  }
  return { program: prependPrologue(sections, filter.export()), notes };
}
