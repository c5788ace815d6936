import type { OciSeccomp, OciSyscallRule } from "../../core/oci.ts";
import { resolveSyscall } from "../../sys/seccomp.ts";
import { architectureNumbers } from "./compile.ts";
import type { SeccompProfile } from "./profile.ts";
import { lateSyscalls } from "./prologue.ts";
import { type ProfileTarget, resolveProfile } from "./resolve.ts";

/** What a profile does, beside our default one. */
export interface ProfileCheck {
  readonly defaultAction: string;
  readonly architectures: readonly string[];
  /** System calls it allows always, and only with certain arguments. */
  readonly allowed: number;
  readonly conditional: number;
  /** Allowed here (some: with certain arguments), and not by the default profile. */
  readonly beyondDefault: readonly string[];
  /** Allowed by the default profile, and refused here. */
  readonly belowDefault: readonly string[];
  /** Names that libseccomp does not know: they are left out, with a warning at each start. */
  readonly unknown: readonly string[];
  /** Rules that change nothing, and why. */
  readonly deadRules: readonly string[];
}

type Decision = "always" | "sometimes" | "never";

const permissive = (action: string): boolean => action === "SCMP_ACT_ALLOW" || action === "SCMP_ACT_LOG";

/** What becomes of a call: libseccomp joins the rules of one name, and what none of them fits gets the default. */
function decide(profile: OciSeccomp, name: string): Decision {
  const fallback = permissive(profile.defaultAction);
  const rules = (profile.syscalls ?? []).filter(({ names }) => names.includes(name));
  const plain = rules.filter(({ args }) => args === undefined || args.length === 0);
  const special = rules.filter((rule) => permissive(rule.action) !== fallback);
  if (plain.some(({ action }) => permissive(action) !== fallback)) return fallback ? "never" : "always";
  if (special.length > 0) return "sometimes";
  return fallback ? "always" : "never";
}

const first = (rule: { readonly names: readonly string[] }): string =>
  rule.names.length > 1 ? `${rule.names[0]} and ${rule.names.length - 1} more` : `${rule.names[0]}`;

function deadRules(profile: SeccompProfile, resolved: OciSeccomp): string[] {
  const dead: string[] = [];
  const live: readonly OciSyscallRule[] = resolved.syscalls ?? [];
  const known = new Set<string>();
  for (const [i, rule] of profile.rules.entries()) {
    const at = `syscalls[${i}] (${first(rule)})`;
    const conditions = rule.includes.caps.length + rule.includes.arches.length > 0 || rule.includes.minKernel;
    // Where its condition does not hold here it may elsewhere.
    if (!live.some(({ names, action }) => names === rule.names && action === rule.action)) {
      if (!conditions && rule.excludes.caps.length === 0 && rule.excludes.arches.length === 0)
        dead.push(`${at}: never applies`);
      continue;
    }
    const sameErrno = (rule.errnoRet ?? 1) === (profile.defaultErrnoRet ?? 1);
    if (rule.action === profile.defaultAction && (rule.action !== "SCMP_ACT_ERRNO" || sameErrno)) {
      dead.push(`${at}: does what the default action does`);
      continue;
    }
    const keys = rule.names.map((name) => JSON.stringify([name, rule.action, rule.errnoRet, rule.args]));
    const general = (name: string): string => JSON.stringify([name, rule.action, rule.errnoRet, []]);
    if (rule.names.every((name, n) => known.has(keys[n] ?? "") || known.has(general(name))))
      dead.push(`${at}: said by the rules before it`);
    for (const key of keys) known.add(key);
  }
  return dead;
}

/**
 * Explains `profile` for a container with the capabilities of `target`, beside `usual`, our default profile.
 * @throws UsageError for an unknown architecture, SetupError when libseccomp is missing
 */
export function checkProfile(
  profile: SeccompProfile,
  usual: SeccompProfile,
  target: ProfileTarget,
  file: string,
): ProfileCheck {
  const resolved = resolveProfile(profile, target);
  const ours = resolveProfile(usual, target);
  const [native = 0] = architectureNumbers(resolved, file);
  const namesOf = (one: OciSeccomp): string[] => (one.syscalls ?? []).flatMap(({ names }) => names);
  const own = [...new Set(namesOf(resolved))].sort();
  // Only what this machine has: a filter for others compiles here, too.
  const here = (name: string): boolean =>
    (resolveSyscall(native, name) ?? -1) >= 0 || lateSyscalls[name] !== undefined;
  const all = [...new Set([...own, ...namesOf(ours)])].filter(here).sort();
  const rank: Readonly<Record<Decision, number>> = { never: 0, sometimes: 1, always: 2 };
  const shown = (name: string): string => (decide(resolved, name) === "sometimes" ? `${name} (some)` : name);
  const beyond = all.filter((name) => rank[decide(resolved, name)] > rank[decide(ours, name)]);
  const below = all.filter((name) => rank[decide(resolved, name)] < rank[decide(ours, name)]);
  return {
    defaultAction: profile.defaultAction,
    architectures: resolved.architectures ?? [],
    allowed: all.filter((name) => decide(resolved, name) === "always").length,
    conditional: all.filter((name) => decide(resolved, name) === "sometimes").length,
    beyondDefault: [
      ...(permissive(profile.defaultAction) ? ["every call that no rule names"] : []),
      ...beyond.map(shown),
    ],
    belowDefault: below.map(shown),
    unknown: own.filter(
      (name) => resolveSyscall(native, name) === undefined && lateSyscalls[name] === undefined,
    ),
    deadRules: deadRules(profile, resolved),
  };
}
