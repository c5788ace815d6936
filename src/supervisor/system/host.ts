import { readFileSync } from "node:fs";
import { hasErrno } from "../../core/errors.ts";

/** Machines by the names that Go, and so docker, has for them. */
const goNames: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** This machine as docker names it: `amd64`. */
export function architecture(): string {
  return goNames[process.arch] ?? process.arch;
}

/** NAME="value" of /etc/os-release (os-release(5)). */
export function osRelease(): ReadonlyMap<string, string> {
  try {
    const lines = readFileSync("/etc/os-release", "utf8").matchAll(/^([A-Z_]+)=(?:"(.*)"|'(.*)'|(.*))$/gm);
    return new Map(
      [...lines].map(([, name = "", ...values]) => [name, values.find((v) => v !== undefined) ?? ""]),
    );
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return new Map();
    throw error;
  }
}
