/** A clock that stands still until it is told to go on. */
export class TestClock {
  #now = Date.parse("2030-01-01T00:00:00Z");
  #timers: { readonly at: number; readonly act: () => void }[] = [];

  readonly now = (): number => this.#now;

  readonly later = (act: () => void, ms: number): (() => void) => {
    const timer = { at: this.#now + ms, act };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  };

  get pending(): number {
    return this.#timers.length;
  }

  /** How long until the next timer; undefined when there is none. */
  get next(): number | undefined {
    const times = this.#timers.map(({ at }) => at - this.#now);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Lets so much time pass, with all that happens in it. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== due);
      this.#now = due.at;
      due.act();
      // What was promised comes about before the next timer.
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#now = end;
  }
}
