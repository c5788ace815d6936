/** What is watched of a container's memory. */
export interface MemoryWish {
  /** Bytes; usage above it is told. Undefined: it has no soft limit. */
  readonly softLimit: number | undefined;
  /** Bytes; its own memory.high (v2), which is in force whether or not usage is watched. */
  readonly high: number | undefined;
  /** Usage was above it when it was last told: that it still is, is no news. */
  readonly above: boolean;
}

/** Who is told. Each call comes in a turn of the event loop of its own, never from within `watchMemory`. */
export interface MemoryListener {
  /** Usage, in bytes, has come above the soft limit. */
  readonly crossed: (usage: number) => void;
  /** It is well below again: the next crossing is a new one. */
  readonly fell: () => void;
  /** Its own limit has left it without memory, or the kernel has killed one of its processes for want of memory. */
  readonly outOfMemory: () => void;
}

/** Usage that has fallen by this part of the soft limit is below it: what swings around the limit crosses it once. */
const margin = 0.1;

/** Where a soft limit counts as left. */
export function lowMark(softLimit: number): number {
  return Math.floor(softLimit * (1 - margin));
}
