import { existsSync } from "node:fs";
import { readTextIfAny } from "../core/atomic.ts";
import { SetupError, UsageError } from "../core/errors.ts";
import { nearest } from "../core/nearest.ts";
import { ownProfile } from "./apparmor/name.ts";
import type { LabelOptions } from "./selinux.ts";

/** Which system calls a container may make. */
export type SeccompSource =
  | { readonly kind: "default" }
  | { readonly kind: "unconfined" }
  /** The default one without what ordinary services never call, whatever capabilities are granted. */
  | { readonly kind: "strict" }
  /** A profile in docker's format. */
  | { readonly kind: "file"; readonly path: string }
  /** The profile itself, as docker's command line sends it to the API. */
  | { readonly kind: "inline"; readonly text: string };

/** All --security-opt together; undefined where the user said nothing. */
export interface SecurityOptions {
  readonly noNewPrivileges?: boolean | undefined;
  readonly seccomp?: SeccompSource | undefined;
  readonly systemPathsUnconfined: boolean;
  /** A profile of AppArmor that is loaded, {@link ownProfile}, or `unconfined`. */
  readonly apparmor?: string | undefined;
  readonly label: LabelOptions;
}

/** Which access control modules this host runs. */
export interface SecurityModules {
  readonly apparmor: boolean;
  /** What AppArmor has loaded, `NAME (MODE)` a line; undefined where that cannot be read. */
  readonly profiles?: string | undefined;
  readonly selinux: boolean;
}

/**
 * True where AppArmor can confine containers: the kernel runs it, and this process is not itself confined (as in a
 * container of LXC), in which case it could not go over to another profile.
 */
export function hasAppArmor(): boolean {
  const file = "/proc/self/attr/apparmor/current";
  // Mostly there is none, and an error that is thrown would cost more than this look.
  const own = existsSync(file) ? readTextIfAny(file) : undefined;
  return own !== undefined && /^(unconfined|.* \(unconfined\))\n?$/.test(own);
}

/** True on a host that runs SELinux, permissive or not: selinuxfs is mounted there. */
export function hasSelinux(): boolean {
  return existsSync("/sys/fs/selinux/enforce");
}

/** Looks at this host's securityfs and selinuxfs. */
function findSecurityModules(): SecurityModules {
  return {
    apparmor: existsSync("/proc/self/attr/apparmor/exec"),
    profiles: readTextIfAny("/sys/kernel/security/apparmor/profiles"),
    selinux: hasSelinux(),
  };
}

const known = ["no-new-privileges", "seccomp", "systempaths", "apparmor", "label"];

const labelForms =
  "label=disable, label=user:USER, label=role:ROLE, label=type:TYPE, label=filetype:TYPE or label=level:LEVEL, such as s0:c1,c2";

function unexpected(option: string, expected: string): never {
  throw new UsageError(`--security-opt: ${option}: expected ${expected}`);
}

function parseSeccomp(option: string, value: string): SeccompSource {
  if (value === "unconfined") return { kind: "unconfined" };
  // `builtin` is docker's name for its own profile.
  if (value === "default" || value === "builtin") return { kind: "default" };
  if (value.trimStart().startsWith("{")) return { kind: "inline", text: value };
  if (value === "strict") return { kind: "strict" };
  if (value === "") unexpected(option, "seccomp=default, seccomp=strict, seccomp=unconfined or seccomp=FILE");
  return { kind: "file", path: value };
}

function parseBoolean(option: string, value: string | undefined): boolean {
  if (value === undefined || value === "true" || value === "1") return true;
  if (value === "false" || value === "0") return false;
  return unexpected(option, "no-new-privileges=true or no-new-privileges=false");
}

function noModule(option: string, name: string): never {
  throw new SetupError(`--security-opt: ${option}: this host has no ${name}`);
}

/** The profile's name; `unconfined` asks for nothing, so that it holds on every host. */
function parseProfile(option: string, value: string, modules: () => SecurityModules): string {
  if (value === "unconfined") return value;
  if (!/^[^\p{C}]{1,255}$/u.test(value)) unexpected(option, "apparmor=PROFILE or apparmor=unconfined");
  const { apparmor, profiles } = modules();
  if (!apparmor) noModule(option, "AppArmor");
  if (value === ownProfile) return value;
  if (profiles?.split("\n").some((line) => line.startsWith(`${value} (`)) === false)
    throw new UsageError(
      `--security-opt: ${option}: AppArmor has no such profile: load it first, with apparmor_parser -r FILE`,
    );
  return value;
}

/** One more of the label= options, which add up. */
function parseLabel(
  option: string,
  value: string,
  before: LabelOptions,
  modules: () => SecurityModules,
): LabelOptions {
  if (value === "disable") return { ...before, given: true, disabled: true };
  const [, name = "", part = ""] = /^(user|role|type|level|filetype):(.+)$/s.exec(value) ?? [];
  const form = name === "level" ? /^s\d+(-s\d+)?(:c\d+([,.]c\d+)*)?$/ : /^[A-Za-z]\w{0,254}$/;
  if (!form.test(part)) unexpected(option, labelForms);
  if (!modules().selinux) noModule(option, "SELinux");
  return { ...before, given: true, [name]: part };
}

/**
 * Reads the --security-opt flags, as `name=value` or, docker's older form, `name:value`; the last of a name wins.
 * @throws UsageError for what is unknown or malformed, SetupError for a label this host cannot set.
 */
export function parseSecurityOptions(
  options: readonly string[],
  modules: () => SecurityModules = findSecurityModules,
): SecurityOptions {
  let noNewPrivileges: boolean | undefined;
  let seccomp: SeccompSource | undefined;
  let systemPathsUnconfined = false;
  let apparmor: string | undefined;
  let label: LabelOptions = { given: false, disabled: false };
  for (const option of options) {
    const [, name = "", value] = /^([^=:]*)(?:[=:](.*))?$/s.exec(option) ?? [];
    switch (name) {
      case "no-new-privileges":
        noNewPrivileges = parseBoolean(option, value);
        break;
      case "seccomp":
        seccomp = parseSeccomp(option, value ?? "");
        break;
      case "systempaths":
        if (value !== "unconfined") unexpected(option, "systempaths=unconfined");
        systemPathsUnconfined = true;
        break;
      case "apparmor":
        apparmor = parseProfile(option, value ?? "", modules);
        break;
      case "label":
        label = parseLabel(option, value ?? "", label, modules);
        break;
      default: {
        const near = nearest(name, known);
        unexpected(option, near === undefined ? `one of ${known.join(", ")}` : `${near} (a typing error?)`);
      }
    }
  }
  return { noNewPrivileges, seccomp, systemPathsUnconfined, apparmor, label };
}
