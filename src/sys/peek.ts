import { closeSync, fstatSync } from "node:fs";
import { hasErrno } from "../core/errors.ts";
import { call } from "./call.ts";

/** pidfd_open(2) and pidfd_getfd(2) on x86_64 and arm64. */
const SYS_pidfd_open = 434;
const SYS_pidfd_getfd = 438;
/** ioctl of sockets: a descriptor of the network namespace they belong to. */
const SIOCGSKNS = 0x894c;

const syscall = "long syscall(long number, long a, long b, long c)";

/**
 * The inode of the network namespace that a socket of another process belongs to, whoever holds it now. Undefined when
 * the process or the socket is gone, or the kernel does not tell (before 5.6).
 */
export function socketNamespace(pid: number, fd: number): number | undefined {
  const open: number[] = [];
  const opened = (descriptor: number): number => {
    open.push(descriptor);
    return descriptor;
  };
  try {
    const process = opened(call(syscall, [SYS_pidfd_open, pid, 0, 0], { call: "pidfd_open" }));
    const socket = opened(call(syscall, [SYS_pidfd_getfd, process, fd, 0], { call: "pidfd_getfd" }));
    const ioctl = "int ioctl(int fd, unsigned long request, void *arg)";
    return fstatSync(opened(call(ioctl, [socket, SIOCGSKNS, null], { call: "ioctl SIOCGSKNS" }))).ino;
  } catch (error) {
    if (hasErrno(error, "ESRCH", "EBADF", "EPERM", "ENOTTY", "ENOTSOCK", "ENOSYS", "EINVAL"))
      return undefined;
    throw error;
  } finally {
    for (const descriptor of open) closeSync(descriptor);
  }
}
