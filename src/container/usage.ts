import type { StatsSample } from "./stats.ts";

/** What a container used between two samples, and in all: the figures that `stats` shows. */
export interface Usage {
  /** Of one CPU: 200 on two. */
  readonly cpuPercent: number;
  /** Bytes, without the cache that is given up first. */
  readonly memory: number;
  /** Bytes it may have: its limit, else all of the host's. */
  readonly memoryLimit: number;
  readonly memoryPercent: number;
  /** Bytes in all. */
  readonly received: number;
  readonly sent: number;
  readonly read: number;
  readonly written: number;
  readonly pids: number;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** Memory as docker counts it: without file pages that nobody has used for a while. */
function usedMemory({ memory }: StatsSample): number {
  if (memory === undefined) return 0;
  return memory.inactiveFile < memory.current ? memory.current - memory.inactiveFile : memory.current;
}

/** The limit of memory, or all the host has where that is less. */
export function memoryLimit({ memory, host }: StatsSample): number {
  return memory === undefined ? 0 : Math.min(memory.limit ?? host.memory, host.memory);
}

/** Figures of a sample; its CPU share is that since `previous`, and 0 without one. */
export function usageOf(sample: StatsSample, previous: StatsSample | undefined): Usage {
  const limit = memoryLimit(sample);
  const memory = usedMemory(sample);
  const elapsed = previous === undefined ? 0 : sample.host.clock - previous.host.clock;
  const spent = (sample.cpu?.usage ?? 0) - (previous?.cpu?.usage ?? 0);
  const counted = sample.cpu !== undefined && previous?.cpu !== undefined && elapsed > 0;
  const block = sample.block ?? [];
  return {
    // Microseconds in a millisecond, as percent. A container that was started again counts from 0.
    cpuPercent: counted ? Math.max(0, spent / 10 / elapsed) : 0,
    memory,
    memoryLimit: limit,
    memoryPercent: limit === 0 ? 0 : (memory / limit) * 100,
    received: sum(sample.interfaces.map(({ received }) => received.bytes)),
    sent: sum(sample.interfaces.map(({ sent }) => sent.bytes)),
    read: sum(block.map(({ readBytes }) => readBytes)),
    written: sum(block.map(({ writeBytes }) => writeBytes)),
    pids: sample.pids?.current ?? 0,
  };
}
