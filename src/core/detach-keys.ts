import { UsageError } from "./errors.ts";

/** The keys that leave a container's terminal and let it run on, where none are named. */
export const defaultDetachKeys = "ctrl-p,ctrl-q";

/** What ctrl- with each of these characters sends: `@` 0, `a` 1 ... `_` 31. */
const controls = "@abcdefghijklmnopqrstuvwxyz[\\]^_";

/** `ctrl-p,ctrl-q`, `a,b`: the bytes that the keys send. @throws UsageError */
export function parseDetachKeys(text: string): Buffer {
  const bytes = text.split(",").map((key) => {
    const control = /^ctrl-(.)$/i.exec(key)?.[1]?.toLowerCase();
    const code = control === undefined ? -1 : controls.indexOf(control);
    if (code >= 0) return code;
    if (/^[\x20-\x7e]$/.test(key)) return key.charCodeAt(0);
    throw new UsageError(
      `detach keys: ${JSON.stringify(text)}: expected keys such as a or ctrl-a (to ctrl-z, ctrl-@ [ \\ ] ^ _), joined by commas`,
    );
  });
  return Buffer.from(bytes);
}

/** Finds the detach keys in what is typed. The beginning of them is held back until it is clear that it is none. */
export class DetachKeys {
  readonly #keys: Buffer;
  #matched = 0;

  constructor(keys: Buffer) {
    this.#keys = keys;
  }

  /** What of `typed` is to be passed on; `detached` when the keys were there: what comes after them is dropped. */
  take(typed: Buffer): { readonly pass: Buffer; readonly detached: boolean } {
    const pass: number[] = [];
    for (const byte of typed) {
      if (byte !== this.#keys[this.#matched]) {
        pass.push(...this.#keys.subarray(0, this.#matched));
        this.#matched = 0;
      }
      if (byte === this.#keys[this.#matched]) this.#matched += 1;
      else pass.push(byte);
      if (this.#matched === this.#keys.length) return { pass: Buffer.from(pass), detached: true };
    }
    return { pass: Buffer.from(pass), detached: false };
  }
}
