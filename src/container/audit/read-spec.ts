import { UsageError } from "../../core/errors.ts";
import type { OciSpec } from "../../core/oci.ts";

type Shape = "object" | "array" | "string" | "number" | "boolean";

function shapeOf(value: unknown): Shape | "null" | "undefined" {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value as Shape | "undefined";
}

/** Fields that an audit reads, with the shape of each; `[]` are the entries of an array. */
const shapes: readonly (readonly [string, Shape, "needed" | "optional"])[] = [
  ["", "object", "needed"],
  ["root", "object", "optional"],
  ["root.readonly", "boolean", "optional"],
  ["annotations", "object", "optional"],
  ["process", "object", "needed"],
  ["process.user", "object", "optional"],
  ["process.user.uid", "number", "optional"],
  ["process.noNewPrivileges", "boolean", "optional"],
  ["process.oomScoreAdj", "number", "optional"],
  ["process.capabilities", "object", "optional"],
  ["process.capabilities.bounding", "array", "optional"],
  ["process.capabilities.bounding[]", "string", "needed"],
  ["mounts", "array", "optional"],
  ["mounts[]", "object", "needed"],
  ["mounts[].destination", "string", "needed"],
  ["mounts[].type", "string", "optional"],
  ["mounts[].source", "string", "optional"],
  ["mounts[].options", "array", "optional"],
  ["mounts[].options[]", "string", "needed"],
  ["linux", "object", "needed"],
  ["linux.namespaces", "array", "optional"],
  ["linux.namespaces[]", "object", "needed"],
  ["linux.namespaces[].type", "string", "needed"],
  ["linux.namespaces[].path", "string", "optional"],
  ["linux.maskedPaths", "array", "optional"],
  ["linux.maskedPaths[]", "string", "needed"],
  ["linux.readonlyPaths", "array", "optional"],
  ["linux.readonlyPaths[]", "string", "needed"],
  ["linux.devices", "array", "optional"],
  ["linux.devices[]", "object", "needed"],
  ["linux.devices[].path", "string", "needed"],
  ["linux.resources", "object", "optional"],
  ["linux.resources.devices", "array", "optional"],
  ["linux.resources.devices[]", "object", "needed"],
  ["linux.resources.devices[].allow", "boolean", "needed"],
  ["linux.resources.devices[].type", "string", "optional"],
  ["linux.resources.devices[].major", "number", "optional"],
  ["linux.resources.devices[].minor", "number", "optional"],
  ["linux.resources.devices[].access", "string", "optional"],
  ["linux.resources.memory", "object", "optional"],
  ["linux.resources.memory.limit", "number", "optional"],
  ["linux.resources.pids", "object", "optional"],
  ["linux.resources.pids.limit", "number", "optional"],
  ["linux.seccomp", "object", "optional"],
  ["linux.seccomp.defaultAction", "string", "needed"],
  ["linux.seccomp.syscalls", "array", "optional"],
  ["linux.seccomp.syscalls[]", "object", "needed"],
  ["linux.seccomp.syscalls[].names", "array", "needed"],
  ["linux.seccomp.syscalls[].names[]", "string", "needed"],
  ["linux.seccomp.syscalls[].action", "string", "needed"],
  ["linux.seccomp.syscalls[].args", "array", "optional"],
];

/** Every value at a path, with the place of each. */
function valuesAt(value: unknown, steps: readonly string[], at: string): (readonly [string, unknown])[] {
  const [step, ...rest] = steps;
  if (step === undefined) return [[at, value]];
  if (step === "[]") {
    if (!Array.isArray(value)) return [];
    return value.flatMap((entry, i) => valuesAt(entry, rest, `${at}[${i}]`));
  }
  if (shapeOf(value) !== "object") return [];
  const field = Object.hasOwn(value as object, step) ? (value as Record<string, unknown>)[step] : undefined;
  return valuesAt(field, rest, at === "" ? step : `${at}.${step}`);
}

/**
 * Reads an OCI runtime-spec document (config.json), of mdocker or any other maker, as far as an audit looks at it.
 * @throws UsageError naming the field that is not as the specification has it
 */
export function readAuditSpec(text: string, file: string): OciSpec {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`--spec: ${file}: expected an OCI runtime document (config.json): not JSON`, {
      cause,
    });
  }
  for (const [path, shape, need] of shapes) {
    const steps = path === "" ? [] : path.replaceAll("[]", ".[]").split(".");
    for (const [at, value] of valuesAt(document, steps, "")) {
      // An absent parent is told of by itself; null is Go's word for nothing.
      if (value === undefined || value === null ? need === "optional" : shapeOf(value) === shape) continue;
      throw new UsageError(
        `--spec: ${file}: ${at === "" ? "the document" : at}: ${shapeOf(value)}: expected ${/^[ao]/.test(shape) ? "an" : "a"} ${shape}`,
      );
    }
  }
  return complete(document as Record<string, unknown>);
}

/** Null and absent fields as this program expects them. */
function complete(document: Record<string, unknown>): OciSpec {
  const clean = JSON.parse(
    JSON.stringify(document, (_, value: unknown) => (value === null ? undefined : value)),
  ) as OciSpec;
  return {
    ...clean,
    root: clean.root ?? { path: "" },
    mounts: clean.mounts ?? [],
    process: { ...clean.process, user: { ...clean.process.user, uid: clean.process.user?.uid ?? 0 } },
    linux: { ...clean.linux, namespaces: clean.linux.namespaces ?? [] },
  };
}
