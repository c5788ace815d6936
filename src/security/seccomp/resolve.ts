import type { OciSeccomp, OciSyscallRule } from "../../core/oci.ts";
import type { ProfileCondition, ProfileRule, SeccompProfile } from "./profile.ts";

/** What the conditions of a profile are measured against. */
export interface ProfileTarget {
  /** Bounding set of the container: CAP_ names. */
  readonly caps: readonly string[];
  /** process.arch: x64 or arm64. */
  readonly arch: string;
  /** uname -r: `6.1.0-18-amd64`. */
  readonly kernel: string;
}

/** process.arch as profiles name it: Go's name in conditions, libseccomp's in architectures. */
const machines: Readonly<Record<string, { readonly go: string; readonly seccomp: string }>> = {
  x64: { go: "amd64", seccomp: "SCMP_ARCH_X86_64" },
  arm64: { go: "arm64", seccomp: "SCMP_ARCH_AARCH64" },
};

/** libseccomp's name of this machine. */
export function nativeArchitecture(arch: string): string {
  const machine = machines[arch];
  if (machine === undefined) throw new Error(`no seccomp architecture for ${arch}`);
  return machine.seccomp;
}

function reaches(kernel: string, [major, minor]: readonly [number, number]): boolean {
  const [, haveMajor, haveMinor] = /^(\d+)\.(\d+)/.exec(kernel) ?? [];
  if (Number(haveMajor) !== major) return Number(haveMajor) > major;
  return Number(haveMinor) >= minor;
}

/** Every condition that was given must hold, and of several capabilities all. */
function includes(condition: ProfileCondition, target: ProfileTarget, machine: string): boolean {
  return (
    condition.caps.every((cap) => target.caps.includes(cap)) &&
    (condition.arches.length === 0 || condition.arches.includes(machine)) &&
    (condition.minKernel === undefined || reaches(target.kernel, condition.minKernel))
  );
}

/** Any condition that holds is enough. */
function excludes(condition: ProfileCondition, target: ProfileTarget, machine: string): boolean {
  return (
    condition.caps.some((cap) => target.caps.includes(cap)) ||
    condition.arches.includes(machine) ||
    (condition.minKernel !== undefined && reaches(target.kernel, condition.minKernel))
  );
}

function plain(rule: ProfileRule): OciSyscallRule {
  return {
    names: rule.names,
    action: rule.action,
    ...(rule.errnoRet === undefined ? {} : { errnoRet: rule.errnoRet }),
    ...(rule.args.length === 0 ? {} : { args: rule.args }),
  };
}

/** The profile without conditions: what the OCI document of this container says, on this machine and kernel. */
export function resolveProfile(profile: SeccompProfile, target: ProfileTarget): OciSeccomp {
  const native = nativeArchitecture(target.arch);
  const machine = machines[target.arch]?.go ?? "";
  const mapped = profile.archMap.find(({ architecture }) => architecture === native);
  const architectures =
    profile.archMap.length === 0 ? profile.architectures : [native, ...(mapped?.subArchitectures ?? [])];
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: profile.defaultErrnoRet }),
    architectures,
    ...(profile.flags.length === 0 ? {} : { flags: profile.flags }),
    syscalls: profile.rules
      .filter((rule) => includes(rule.includes, target, machine) && !excludes(rule.excludes, target, machine))
      .map(plain),
  };
}
