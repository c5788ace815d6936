import { UsageError } from "../../core/errors.ts";
import { nearest } from "../../core/nearest.ts";
import { errnoNumber, isErrnoName } from "../../sys/errno.ts";

/** A rule holds only where all of this is true (includes), or is passed over where any of it is (excludes). */
export interface ProfileCondition {
  /** CAP_ names. */
  readonly caps: readonly string[];
  /** Machine names as Go has them: amd64, arm64... */
  readonly arches: readonly string[];
  /** Kernel version as [major, minor]. */
  readonly minKernel?: readonly [number, number] | undefined;
}

interface ProfileArgument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo: number;
  readonly op: string;
}

export interface ProfileRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number | undefined;
  readonly args: readonly ProfileArgument[];
  readonly includes: ProfileCondition;
  readonly excludes: ProfileCondition;
}

/** A seccomp profile in docker's format: the seccomp part of the OCI document, with conditions on its rules. */
export interface SeccompProfile {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number | undefined;
  readonly architectures: readonly string[];
  readonly archMap: readonly {
    readonly architecture: string;
    readonly subArchitectures: readonly string[];
  }[];
  readonly flags: readonly string[];
  readonly rules: readonly ProfileRule[];
}

const seccompActions: readonly string[] = [
  ...["SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP", "SCMP_ACT_ERRNO"],
  ...["SCMP_ACT_TRACE", "SCMP_ACT_ALLOW", "SCMP_ACT_LOG"],
];

const seccompOperators: readonly string[] = [
  ...["SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT"],
  "SCMP_CMP_MASKED_EQ",
];

const keys = {
  profile: [
    ...["defaultAction", "defaultErrnoRet", "defaultErrno", "architectures", "archMap", "flags"],
    ...["syscalls", "comment", "$schema", "listenerPath", "listenerMetadata"],
  ],
  archMap: ["architecture", "subArchitectures"],
  rule: [
    ...["name", "names", "action", "errnoRet", "errno", "args", "comment", "includes", "excludes"],
    "priority",
  ],
  argument: ["index", "value", "valueTwo", "op"],
  condition: ["caps", "arches", "minKernel"],
};

/** Reads fields of parsed JSON, and says where and what when one is not as expected. */
class Reader {
  readonly #file: string;
  constructor(file: string) {
    this.#file = file;
  }

  fail(where: string, value: unknown, expected: string): never {
    const text = JSON.stringify(value) ?? "nothing";
    const short = text.length > 60 ? `${text.slice(0, 57)}...` : text;
    throw new UsageError(
      `seccomp profile ${this.#file}: ${where === "" ? "" : `${where}: `}${short}: expected ${expected}`,
    );
  }

  object(value: unknown, where: string, allowed: readonly string[]): Readonly<Record<string, unknown>> {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      this.fail(where, value, "an object");
    }
    for (const key of Object.keys(value)) {
      if (allowed.includes(key)) continue;
      const near = nearest(key, allowed);
      this.fail(where, key, near === undefined ? `one of the keys ${allowed.join(", ")}` : `the key ${near}`);
    }
    return value as Readonly<Record<string, unknown>>;
  }

  list<T>(value: unknown, where: string, item: (value: unknown, where: string) => T): T[] {
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value)) this.fail(where, value, "a list");
    return value.map((entry: unknown, i) => item(entry, `${where}[${i}]`));
  }

  text(value: unknown, where: string, expected = "a string"): string {
    return typeof value === "string" && value !== "" ? value : this.fail(where, value, expected);
  }

  oneOf(value: unknown, where: string, allowed: readonly string[]): string {
    if (typeof value === "string" && allowed.includes(value)) return value;
    if (value === "SCMP_ACT_NOTIFY") this.fail(where, value, "an action that needs no listening process");
    return this.fail(where, value, `one of ${allowed.join(", ")}`);
  }

  integer(value: unknown, where: string, max: number): number {
    // A number that JSON could not carry exactly would silently compare with another value.
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= max) return value;
    return this.fail(where, value, `a whole number from 0 to ${max}`);
  }
}

function errnoOf(reader: Reader, where: string, number: unknown, name: unknown): number | undefined {
  if (number !== undefined && number !== null) return reader.integer(number, `${where}Ret`, 0xffff);
  if (name === undefined || name === null || name === "") return undefined;
  const text = reader.text(name, where);
  return isErrnoName(text) ? errnoNumber(text) : reader.fail(where, name, "an errno name such as EPERM");
}

function readCondition(reader: Reader, value: unknown, where: string): ProfileCondition {
  if (value === undefined || value === null) return { caps: [], arches: [] };
  const raw = reader.object(value, where, keys.condition);
  const caps = reader.list(raw["caps"], `${where}.caps`, (cap, at) => reader.text(cap, at));
  const arches = reader.list(raw["arches"], `${where}.arches`, (arch, at) => reader.text(arch, at));
  if (raw["minKernel"] === undefined || raw["minKernel"] === "") return { caps, arches };
  const at = `${where}.minKernel`;
  const version = /^(\d{1,6})\.(\d{1,6})$/.exec(reader.text(raw["minKernel"], at, "a version such as 4.8"));
  if (version === null) reader.fail(at, raw["minKernel"], "a version such as 4.8");
  return { caps, arches, minKernel: [Number(version[1]), Number(version[2])] };
}

function readArgument(reader: Reader, value: unknown, where: string): ProfileArgument {
  const raw = reader.object(value, where, keys.argument);
  const wide = Number.MAX_SAFE_INTEGER;
  return {
    index: reader.integer(raw["index"], `${where}.index`, 5),
    value: reader.integer(raw["value"], `${where}.value`, wide),
    valueTwo: raw["valueTwo"] === undefined ? 0 : reader.integer(raw["valueTwo"], `${where}.valueTwo`, wide),
    op: reader.oneOf(raw["op"], `${where}.op`, seccompOperators),
  };
}

function readRule(reader: Reader, value: unknown, where: string): ProfileRule {
  const raw = reader.object(value, where, keys.rule);
  const names = reader.list(raw["names"], `${where}.names`, (name, at) => reader.text(name, at));
  if (raw["name"] !== undefined && raw["name"] !== "") names.push(reader.text(raw["name"], `${where}.name`));
  if (names.length === 0) reader.fail(`${where}.names`, raw["names"], "the names of system calls");
  return {
    names,
    action: reader.oneOf(raw["action"], `${where}.action`, seccompActions),
    errnoRet: errnoOf(reader, `${where}.errno`, raw["errnoRet"], raw["errno"]),
    args: reader.list(raw["args"], `${where}.args`, (arg, at) => readArgument(reader, arg, at)),
    includes: readCondition(reader, raw["includes"], `${where}.includes`),
    excludes: readCondition(reader, raw["excludes"], `${where}.excludes`),
  };
}

/**
 * Reads a profile in docker's format (also podman's `errno` names and the plain OCI form); `file` names it in errors.
 * @throws UsageError with the field, its value and what was expected. A key that is not known is an error too: a
 *   misspelt `syscalls` below a default of SCMP_ACT_ALLOW would protect nobody.
 */
export function parseSeccompProfile(text: string, file: string): SeccompProfile {
  const reader = new Reader(file);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`seccomp profile ${file}: not JSON: ${reason.split("\n")[0]}`, { cause });
  }
  const raw = reader.object(json, "", keys.profile);
  if (raw["listenerPath"] !== undefined && raw["listenerPath"] !== "") {
    reader.fail("listenerPath", raw["listenerPath"], "no listener, as SCMP_ACT_NOTIFY is not supported");
  }
  if (
    Array.isArray(raw["architectures"]) &&
    Array.isArray(raw["archMap"]) &&
    raw["architectures"].length > 0
  ) {
    reader.fail("architectures", raw["architectures"], "either architectures or archMap, not both");
  }
  return {
    defaultAction: reader.oneOf(raw["defaultAction"], "defaultAction", seccompActions),
    defaultErrnoRet: errnoOf(reader, "defaultErrno", raw["defaultErrnoRet"], raw["defaultErrno"]),
    architectures: reader.list(raw["architectures"], "architectures", (arch, at) => reader.text(arch, at)),
    archMap: reader.list(raw["archMap"], "archMap", (entry, at) => {
      const map = reader.object(entry, at, keys.archMap);
      return {
        architecture: reader.text(map["architecture"], `${at}.architecture`),
        subArchitectures: reader.list(map["subArchitectures"], `${at}.subArchitectures`, (arch, where) =>
          reader.text(arch, where),
        ),
      };
    }),
    flags: reader.list(raw["flags"], "flags", (flag, at) => reader.text(flag, at)),
    rules: reader.list(raw["syscalls"], "syscalls", (rule, at) => readRule(reader, rule, at)),
  };
}
