import { call } from "./call.ts";
import { koffi } from "./native.ts";

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;

/** socketpair(2): two connected stream sockets, close-on-exec. */
export function socketPair(): [number, number] {
  const fds = Buffer.alloc(8);
  call(
    "int socketpair(int domain, int type, int protocol, void *sv)",
    [AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds],
    {
      call: "socketpair",
    },
  );
  return [fds.readInt32LE(0), fds.readInt32LE(4)];
}

/**
 * recvmsg(2) on a stream socket: up to `size` bytes and at most one descriptor passed with them (SCM_RIGHTS,
 * close-on-exec). Blocks. No bytes mean end of file.
 */
export function receiveWithFd(
  socket: number,
  size: number,
): { readonly bytes: Buffer; readonly fd: number | undefined } {
  const data = Buffer.alloc(size);
  const control = Buffer.alloc(24);
  // struct iovec: base ptr@0 · len u64@8; struct msghdr: name ptr@0 · namelen u32@8 · iov ptr@16 · iovlen u64@24 ·
  // control ptr@32 · controllen u64@40 · flags i32@48; struct cmsghdr: len u64@0 · level i32@8 · type i32@12 · data @16
  const iovec = Buffer.alloc(16);
  const header = Buffer.alloc(56);
  iovec.writeBigUInt64LE(koffi().address(data), 0);
  iovec.writeBigUInt64LE(BigInt(size), 8);
  header.writeBigUInt64LE(koffi().address(iovec), 16);
  header.writeBigUInt64LE(1n, 24);
  header.writeBigUInt64LE(koffi().address(control), 32);
  header.writeBigUInt64LE(BigInt(control.length), 40);
  const length = call("long recvmsg(int fd, void *msg, int flags)", [socket, header, MSG_CMSG_CLOEXEC], {
    call: "recvmsg",
  });
  const passed =
    control.readBigUInt64LE(0) >= 20n &&
    control.readInt32LE(8) === SOL_SOCKET &&
    control.readInt32LE(12) === SCM_RIGHTS;
  return { bytes: data.subarray(0, length), fd: passed ? control.readInt32LE(16) : undefined };
}

/** sendmsg(2) on a stream socket: one byte, and with it the descriptor `fd` (SCM_RIGHTS). */
export function sendWithFd(socket: number, fd: number): void {
  const data = Buffer.from([1]);
  const control = Buffer.alloc(24);
  const iovec = Buffer.alloc(16);
  const header = Buffer.alloc(56);
  control.writeBigUInt64LE(20n, 0);
  control.writeInt32LE(SOL_SOCKET, 8);
  control.writeInt32LE(SCM_RIGHTS, 12);
  control.writeInt32LE(fd, 16);
  iovec.writeBigUInt64LE(koffi().address(data), 0);
  iovec.writeBigUInt64LE(1n, 8);
  header.writeBigUInt64LE(koffi().address(iovec), 16);
  header.writeBigUInt64LE(1n, 24);
  header.writeBigUInt64LE(koffi().address(control), 32);
  header.writeBigUInt64LE(BigInt(control.length), 40);
  call("long sendmsg(int fd, void *msg, int flags)", [socket, header, MSG_NOSIGNAL], { call: "sendmsg" });
}

/** getsockname(2): the path that a unix socket is bound to; undefined for one that has none. */
export function socketPathOf(socket: number): string | undefined {
  // struct sockaddr_un: family u16@0 · path @2, ended by a zero byte
  const address = Buffer.alloc(112);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(110, 0);
  call("int getsockname(int fd, void *address, void *size)", [socket, address, size], {
    call: "getsockname",
  });
  const length = Math.min(size.readUInt32LE(0), 110);
  if (address.readUInt16LE(0) !== AF_UNIX || length <= 2 || address[2] === 0) return undefined;
  const end = address.indexOf(0, 2);
  return address.toString("utf8", 2, Math.min(end, length));
}
