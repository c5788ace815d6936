import { constants } from "node:os";

const names = new Map<number, string>();
for (const [name, value] of Object.entries(constants.errno)) if (!names.has(value)) names.set(value, name);
// Names of include/uapi/asm-generic/errno.h that Node's table lacks.
for (const [value, name] of [
  [85, "ERESTART"],
  [86, "ESTRPIPE"],
  [87, "EUSERS"],
  [94, "ESOCKTNOSUPPORT"],
  [96, "EPFNOSUPPORT"],
  [112, "EHOSTDOWN"],
  [117, "EUCLEAN"],
  [123, "ENOMEDIUM"],
  [126, "ENOKEY"],
  [132, "ERFKILL"],
] as const) {
  if (!names.has(value)) names.set(value, name);
}

/** `ENOENT` for 2; `errno 999` for a number without a name. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `errno ${errno}`;
}

/** 2 for `ENOENT`. Throws for a name that the kernel does not have: a programming error. */
export function errnoNumber(name: string): number {
  for (const [value, known] of names) if (known === name) return value;
  throw new Error(`unknown errno name ${name}`);
}
