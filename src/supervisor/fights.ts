/** How often within how many milliseconds the same thing is mended before it is left alone for a while. */
const patience = { times: 5, withinMs: 60_000 };
/** For how long: at first, and at most. It doubles each time. */
const rest = { firstMs: 60_000, longestMs: 960_000 };

interface Fight {
  readonly times: readonly number[];
  readonly rests: number;
  readonly until: number;
}

/** Notices when somebody undoes again and again what was mended, so that both do not go on for ever. Times in milliseconds. */
export class Fights {
  readonly #fights = new Map<string, Fight>();

  /** True while a thing is left alone. */
  rests(key: string, now: number): boolean {
    return (this.#fights.get(key)?.until ?? 0) > now;
  }

  /** A thing was mended. Returns for how many milliseconds it is left alone from now on; undefined: not at all. */
  mended(key: string, now: number): number | undefined {
    const before = this.#fights.get(key) ?? { times: [], rests: 0, until: 0 };
    // Who has kept the peace for as long as the longest rest begins anew.
    const rests = now - before.until > rest.longestMs ? 0 : before.rests;
    const times = [...before.times.filter((time) => now - time < patience.withinMs), now];
    if (times.length < patience.times) {
      this.#fights.set(key, { times, rests, until: before.until });
      return undefined;
    }
    const ms = Math.min(rest.longestMs, rest.firstMs * 2 ** rests);
    this.#fights.set(key, { times: [], rests: rests + 1, until: now + ms });
    return ms;
  }
}
