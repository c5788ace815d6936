import { closeSync, openSync, readSync } from "node:fs";
import { machineOf, readElf } from "./elf.ts";
import { lookUp } from "./lookup.ts";

/** The interpreter behind `#!` of a script (execve(2)); undefined when the file is none. */
function scriptInterpreter(path: string): string | undefined {
  const start = Buffer.alloc(256);
  const fd = openSync(path, "r");
  try {
    const line = start.toString("utf8", 0, readSync(fd, start, 0, start.length, 0));
    return /^#![ \t]*([^\s]+)/.exec(line)?.[1];
  } finally {
    closeSync(fd);
  }
}

/**
 * Says why execve(2) of `path` fails in a container with these layers (lowest first), in a few words that follow
 * `exec failed: /bin/x: `; undefined when the layers show no reason. Mounts over the layers are not seen: for a file in
 * one of them, `layers` is the mount's source and `interpreters` are the layers to look for its interpreter in.
 */
export function explainExec(
  layers: readonly string[],
  path: string,
  arch: string = process.arch,
  interpreters: readonly string[] = layers,
): string | undefined {
  const found = lookUp(layers, path);
  if (found === "ELOOP") return "too many symbolic links in the container";
  if (found === "ENOTDIR") return "a part of the path is not a directory in the container";
  if (found === "ENOENT") return "no such file in the container";
  const { host, stat } = found;
  if (stat.isDirectory()) return "is a directory";
  if (!stat.isFile() || (stat.mode & 0o111) === 0) return "not executable";
  const missing = (interpreter: string) =>
    typeof lookUp(interpreters, interpreter) === "string"
      ? `its interpreter ${interpreter} is missing in the container`
      : undefined;
  const elf = readElf(host);
  if (elf !== undefined) {
    const machine = machineOf(arch);
    if (elf.machine !== machine)
      return `wrong architecture: made for ${elf.machine}, this machine is ${machine}`;
    return elf.interpreter === undefined ? undefined : missing(elf.interpreter);
  }
  const interpreter = scriptInterpreter(host);
  if (interpreter === undefined)
    return "not executable: neither an ELF program nor a script that begins with #!";
  return missing(interpreter);
}
