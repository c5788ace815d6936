import { SyscallError } from "../core/errors.ts";
import { call, cFunction } from "./call.ts";
import { errnoName } from "./errno.ts";
import { koffi } from "./native.ts";

const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
const POSIX_SPAWN_SETSID = 0x80;
/** More than posix_spawnattr_t and posix_spawn_file_actions_t take in glibc (336, 80) and musl (336, 80). */
const opaqueSize = 512;
const F_DUPFD_CLOEXEC = 1030;
/** Descriptors are first copied to here, or above all that are wanted, so that moving one into its place covers no other. */
const safeFd = 64;

/** A process to start in a session of its own, with exactly these descriptors. */
export interface SpawnRequest {
  /** File to execute: `/proc/self/fd/N` for a memfd. */
  readonly path: string;
  readonly argv: readonly string[];
  /** Our descriptor by the number that the process will know it by. */
  readonly fds: ReadonlyMap<number, number>;
}

/**
 * posix_spawn(3): shares our memory until exec, so that it costs the same for a large process as for a small one. All
 * signals have their default action and none is blocked; the environment is empty. Returns the pid; the caller reaps it.
 */
export function spawnProcess({ path, argv, fds }: SpawnRequest): number {
  const actions = Buffer.alloc(opaqueSize);
  const attributes = Buffer.alloc(opaqueSize);
  const check = (name: string, errno: unknown): void => {
    if (Number(errno) !== 0)
      throw new SyscallError({ call: name, errno: errnoName(Number(errno)), subject: path });
  };
  const closeFd = cFunction("int close(int fd)");
  const addDup = cFunction("int posix_spawn_file_actions_adddup2(void *actions, int fd, int newfd)");
  check(
    "posix_spawn_file_actions_init",
    cFunction("int posix_spawn_file_actions_init(void *actions)")(actions),
  );
  check("posix_spawnattr_init", cFunction("int posix_spawnattr_init(void *attr)")(attributes));
  const copies: number[] = [];
  const lowest = Math.max(safeFd, Math.max(...fds.keys()) + 1);
  const copyOf = (ours: number): number => {
    const failure = { call: "fcntl F_DUPFD" };
    const copy = call("int fcntl(int fd, int cmd, int arg)", [ours, F_DUPFD_CLOEXEC, lowest], failure);
    copies.push(copy);
    return copy;
  };
  try {
    for (const [wanted, ours] of fds)
      check("posix_spawn_file_actions_adddup2", addDup(actions, copyOf(ours), wanted));
    // The program itself may be a descriptor that another is moved to.
    const memfd = /^\/proc\/self\/fd\/(\d+)$/.exec(path)?.[1];
    const file = memfd === undefined ? path : `/proc/self/fd/${copyOf(Number(memfd))}`;
    const everySignal = Buffer.alloc(128, 0xff);
    cFunction("int posix_spawnattr_setsigdefault(void *attr, void *set)")(attributes, everySignal);
    cFunction("int posix_spawnattr_setsigmask(void *attr, void *set)")(attributes, Buffer.alloc(128));
    const flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID;
    cFunction("int posix_spawnattr_setflags(void *attr, short flags)")(attributes, flags);
    const pid = Buffer.alloc(4);
    const spawn = cFunction(
      "int posix_spawn(void *pid, const char *path, void *actions, void *attr, const char **argv, const char **envp)",
    );
    check("posix_spawn", spawn(pid, file, actions, attributes, [...argv, null], [null]));
    return pid.readInt32LE(0);
  } finally {
    for (const copy of copies) closeFd(copy);
    cFunction("int posix_spawn_file_actions_destroy(void *actions)")(actions);
    cFunction("int posix_spawnattr_destroy(void *attr)")(attributes);
  }
}

/** waitpid(2): reaps a child of ours and returns its wait status; undefined when it is not our child or `poll` finds it running. */
export function reap(pid: number, poll: boolean): number | undefined {
  const status = Buffer.alloc(4);
  const wait = cFunction("int waitpid(int pid, void *status, int options)");
  for (;;) {
    const result = Number(wait(pid, status, poll ? 1 : 0));
    if (result === pid) return status.readInt32LE(0);
    if (result === -1 && koffi().errno() === 4) continue;
    return undefined;
  }
}
