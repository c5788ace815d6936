import { spawn, spawnSync } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";

/** One of several ways to do the same thing; `once` does it and returns its milliseconds (or what is measured). */
export interface Variant {
  readonly name: string;
  readonly once: () => number | Promise<number>;
}

export interface Measured {
  readonly name: string;
  readonly median: number;
  readonly samples: readonly number[];
}

/** The middle value; the mean of the two middle ones of an even number. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2;
}

/**
 * Does each variant in turn, A B C A B C..., so that what the machine does meanwhile meets all of them alike.
 * @param restMs Before each: a daemon's cleaning up after its answer is not to be charged to whoever comes next.
 */
export async function interleave(
  rounds: number,
  variants: readonly Variant[],
  warmUps = 2,
  restMs = 0,
): Promise<Measured[]> {
  const samples = new Map<string, number[]>(variants.map(({ name }) => [name, []]));
  for (let round = -warmUps; round < rounds; round += 1) {
    for (const { name, once } of variants) {
      if (restMs > 0) await pause(restMs);
      const value = await once();
      if (round >= 0) samples.get(name)?.push(value);
    }
  }
  return variants.map(({ name }) => {
    const values = samples.get(name) ?? [];
    return { name, median: median(values), samples: values };
  });
}

/** Runs `command` to its end and returns its milliseconds. Throws with its stderr when it fails. */
export function timeCommand(command: readonly string[], env: NodeJS.ProcessEnv): number {
  const [program = "", ...args] = command;
  const begin = performance.now();
  const { status, stderr, error } = spawnSync(program, args, { env, stdio: ["ignore", "ignore", "pipe"] });
  const ms = performance.now() - begin;
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command.join(" ")}: exit code ${status}: ${stderr}`);
  return ms;
}

function runToEnd(command: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const [program = "", ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: ["ignore", "ignore", "pipe"] });
    const errors: Buffer[] = [];
    child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${command.join(" ")}: exit code ${code}: ${Buffer.concat(errors)}`));
    });
  });
}

/** Runs all commands, at most `width` at a time; the milliseconds until the last has ended. */
export async function timeMany(
  commands: readonly (readonly string[])[],
  width: number,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const begin = performance.now();
  const queue = [...commands];
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await runToEnd(next, env);
  };
  await Promise.all(Array.from({ length: width }, worker));
  return performance.now() - begin;
}
