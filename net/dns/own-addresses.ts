import { networkInterfaces } from "node:os";
import { addressBytes, addressKey } from "./address.ts";

/** For so long the host's addresses count as seen. In milliseconds. */
const freshMs = 1_000;

/** The addresses of this host. Nobody else can send from one of them: the kernel drops what pretends to. */
export class OwnAddresses {
  #seen = Number.NEGATIVE_INFINITY;
  #keys: ReadonlySet<string> = new Set();

  has(address: Uint8Array): boolean {
    const now = Date.now();
    if (now - this.#seen >= freshMs || now < this.#seen) {
      const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
      this.#keys = new Set(all.flatMap((one) => keyOf(one.address)));
      this.#seen = now;
    }
    return this.#keys.has(addressKey(address));
  }
}

function keyOf(text: string): string[] {
  const bytes = addressBytes(text);
  return bytes === undefined ? [] : [addressKey(bytes)];
}
