import { spawnSync } from "node:child_process";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { cloneFlags, insideNetns, setns, unshare } from "../../src/sys/namespaces.ts";

const current = "/proc/thread-self/ns/net";

/** An open network namespace that goes away when it is closed. */
export interface Netns {
  /** Open file of the namespace. */
  readonly fd: number;
  /** Runs a program (no shell) inside, to its end; returns its stdout. Throws with its stderr when it fails. */
  readonly run: (...command: readonly string[]) => string;
  readonly close: () => void;
}

/** Runs a program (no shell) in the network namespace this thread is in. Throws with its stderr when it fails. */
export function runHere(...[program = "", ...args]: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8" });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${[program, ...args].join(" ")}: exit code ${status}: ${stderr}`);
  return stdout;
}

/** Makes an empty network namespace with lo down; this thread stays where it is. */
export function makeNetns(): Netns {
  const back = openSync(current, "r");
  try {
    unshare(cloneFlags.network);
    // It has begun with the settings of the machine's own.
    writeFileSync("/proc/sys/net/ipv4/ip_forward", "0");
    const fd = openSync(current, "r");
    return {
      fd,
      run: (...command) => insideNetns(fd, () => runHere(...command)),
      close: () => closeSync(fd),
    };
  } finally {
    setns(back, cloneFlags.network);
    closeSync(back);
  }
}

/**
 * Runs `act` with this thread in a network namespace of its own, which plays the host: sockets that are opened,
 * programs that are started and /proc/sys/net that is written meanwhile are that namespace's. Comes back whatever
 * happens. For tests in vitest's forks: only there the tests have the main thread.
 */
export async function inOwnNetns<T>(act: (host: Netns) => T | Promise<T>): Promise<T> {
  const host = makeNetns();
  const back = openSync(current, "r");
  try {
    setns(host.fd, cloneFlags.network);
    return await act(host);
  } finally {
    setns(back, cloneFlags.network);
    closeSync(back);
    host.close();
  }
}
