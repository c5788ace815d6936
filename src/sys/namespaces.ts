import { closeSync, openSync } from "node:fs";
import { call } from "./call.ts";

/** CLONE_NEW* of include/uapi/linux/sched.h by OCI namespace type. */
export const cloneFlags = {
  time: 0x00000080,
  mount: 0x00020000,
  cgroup: 0x02000000,
  uts: 0x04000000,
  ipc: 0x08000000,
  user: 0x10000000,
  pid: 0x20000000,
  network: 0x40000000,
} as const;

/** setns(2) for the calling thread. */
export function setns(fd: number, flags: number): void {
  call("int setns(int fd, int nstype)", [fd, flags], { call: "setns" });
}

/** unshare(2) for the calling thread; not CLONE_NEWUSER, which a process with threads cannot do. */
export function unshare(flags: number): void {
  call("int unshare(int flags)", [flags], { call: "unshare" });
}

/**
 * Runs `act` with this thread inside the network namespace `netns` (an open file of it), and comes back whatever
 * happens. `act` must be synchronous: a promise would continue in the wrong namespace.
 */
export function insideNetns<T>(netns: number, act: () => T): T {
  const back = openSync("/proc/thread-self/ns/net", "r");
  try {
    setns(netns, cloneFlags.network);
    try {
      return act();
    } finally {
      setns(back, cloneFlags.network);
    }
  } finally {
    closeSync(back);
  }
}
