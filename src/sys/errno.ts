import { constants } from "node:os";

/** Names of include/uapi/asm-generic/errno.h that Node's table lacks. */
const more: ReadonlyMap<string, number> = new Map([
  ["ERESTART", 85],
  ["ESTRPIPE", 86],
  ["EUSERS", 87],
  ["ESOCKTNOSUPPORT", 94],
  ["EPFNOSUPPORT", 96],
  ["EHOSTDOWN", 112],
  ["EUCLEAN", 117],
  ["ENOMEDIUM", 123],
  ["ENOKEY", 126],
  ["ERFKILL", 132],
]);

let names: Map<number, string> | undefined;

/** Made at first need: a start that works names no errno. Of two names for a number the first counts. */
function errnoNames(): Map<number, string> {
  if (names === undefined) {
    names = new Map();
    for (const [name, value] of [...Object.entries(constants.errno), ...more]) {
      if (!names.has(value)) names.set(value, name);
    }
  }
  return names;
}

/** `ENOENT` for 2; `errno 999` for a number without a name. */
export function errnoName(errno: number): string {
  return errnoNames().get(errno) ?? `errno ${errno}`;
}

/** 2 for `ENOENT`. Throws for a name that the kernel does not have: a programming error. */
export function errnoNumber(name: string): number {
  const number = (constants.errno as Readonly<Record<string, number>>)[name] ?? more.get(name);
  if (number === undefined) throw new Error(`unknown errno name ${name}`);
  return number;
}
