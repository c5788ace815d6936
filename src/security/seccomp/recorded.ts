import type { OciSeccomp } from "../../core/oci.ts";
import { nativeArchitecture } from "./resolve.ts";

const EPERM = 1;
const ENOSYS = 38;

/** How often a call was made, and how often it was answered by an errno. */
export interface RecordedCall {
  readonly calls: number;
  readonly refused: number;
  readonly missing: number;
}

/**
 * The profile, in docker's format, that lets through what was called and refuses all else by EPERM. What was only ever
 * refused is refused; what was only ever unknown to the kernel (ENOSYS: C libraries then try an older call) stays so.
 * What `usual`, our default profile, allows with certain arguments only (clone, socket) keeps those conditions.
 */
export function recordedProfile(
  calls: ReadonlyMap<string, RecordedCall>,
  usual: OciSeccomp | undefined,
  arch: string,
): OciSeccomp {
  const names = (wanted: (call: RecordedCall) => boolean): string[] =>
    [...calls].flatMap(([name, call]) => (wanted(call) ? [name] : [])).sort();
  const allowed = names(({ calls: all, refused, missing }) => refused + missing < all);
  const unknown = names(({ calls: all, missing }) => missing === all);
  const rules = usual?.syscalls ?? [];
  const special = rules.filter(({ args }) => args !== undefined && args.length > 0);
  const conditional = new Set(special.flatMap((rule) => rule.names));
  const plain = [...new Set([...allowed, "execve", "exit_group"])].sort();
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: EPERM,
    architectures: [nativeArchitecture(arch)],
    syscalls: [
      { names: plain.filter((name) => !conditional.has(name)), action: "SCMP_ACT_ALLOW" },
      ...special.filter((rule) => rule.names.some((name) => allowed.includes(name))),
      ...(unknown.length === 0 ? [] : [{ names: unknown, action: "SCMP_ACT_ERRNO", errnoRet: ENOSYS }]),
    ],
  };
}
