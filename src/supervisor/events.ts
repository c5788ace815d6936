/** Something that happened, in docker's words. */
export interface EngineEvent {
  readonly type: "container" | "network" | "volume" | "image" | "daemon";
  /** create, start, die, stop, kill, oom, pause, exec_create: ..., connect, and so on. */
  readonly action: string;
  readonly actor: { readonly id: string; readonly attributes: Readonly<Record<string, string>> };
  /** Nanoseconds since 1970. */
  readonly timeNano: bigint;
}

/** How many past events are remembered for `events --since`, as docker does. */
const remembered = 256;

/** Passes on what happens to all who listen, and remembers the last of it. */
export class EventBus {
  readonly #listeners = new Set<(event: EngineEvent) => void>();
  readonly #past: EngineEvent[] = [];

  emit(event: Omit<EngineEvent, "timeNano">): void {
    const complete = { ...event, timeNano: BigInt(Date.now()) * 1_000_000n };
    this.#past.push(complete);
    if (this.#past.length > remembered) this.#past.shift();
    for (const listener of this.#listeners) listener(complete);
  }

  /** What is remembered, oldest first. */
  get past(): readonly EngineEvent[] {
    return this.#past;
  }

  /** How many listen. */
  get listening(): number {
    return this.#listeners.size;
  }

  /** Calls `listener` for every event from now on; the answer ends that. */
  listen(listener: (event: EngineEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }
}
