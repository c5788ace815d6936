import { closeSync } from "node:fs";
import { call } from "./call.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SOL_IP = 0;
const IP_FREEBIND = 15;
/** How many connections may wait to be taken. */
const backlog = 128;

/** The bytes of an IP address, 4 or 16 of them, in network order. */
export type AddressBytes = Uint8Array;

/** struct sockaddr_in: family u16@0 · port be16@2 · addr@4; sockaddr_in6: family u16@0 · port be16@2 · addr@8. */
function socketAddress(address: AddressBytes, port: number): Buffer {
  const six = address.length === 16;
  const bytes = Buffer.alloc(six ? 28 : 16);
  bytes.writeUInt16LE(six ? AF_INET6 : AF_INET, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(address, six ? 8 : 4);
  return bytes;
}

function bound(address: AddressBytes, port: number, type: number, prepare: (fd: number) => void): number {
  const family = address.length === 16 ? AF_INET6 : AF_INET;
  const fd = call(
    "int socket(int domain, int type, int protocol)",
    [family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0],
    {
      call: "socket",
    },
  );
  try {
    prepare(fd);
    const name = socketAddress(address, port);
    call("int bind(int fd, void *address, unsigned int size)", [fd, name, name.length], { call: "bind" });
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function setOption(fd: number, level: number, option: number): void {
  const on = Buffer.alloc(4);
  on.writeInt32LE(1);
  call(
    "int setsockopt(int fd, int level, int name, void *value, unsigned int size)",
    [fd, level, option, on, 4],
    {
      call: "setsockopt",
    },
  );
}

/** An IPv6 address that is just being checked for duplicates can be bound to already (ipv6(7): the IPv4 option counts). */
function allowTentative(fd: number, address: AddressBytes): void {
  if (address.length === 16) setOption(fd, SOL_IP, IP_FREEBIND);
}

/** A UDP socket with this address alone, non-blocking, close-on-exec. @throws SyscallError: EADDRINUSE, EADDRNOTAVAIL. */
export function bindUdp(address: AddressBytes, port: number): number {
  return bound(address, port, SOCK_DGRAM, (fd) => allowTentative(fd, address));
}

/** A TCP socket that listens on this address alone, non-blocking, close-on-exec. @throws SyscallError: EADDRINUSE... */
export function listenTcp(address: AddressBytes, port: number): number {
  const fd = bound(address, port, SOCK_STREAM, (socket) => {
    // Connections of an earlier listener that are still closing are no hindrance; another listener is.
    setOption(socket, SOL_SOCKET, SO_REUSEADDR);
    allowTentative(socket, address);
  });
  try {
    call("int listen(int fd, int backlog)", [fd, backlog], { call: "listen" });
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** fcntl(2) F_DUPFD_CLOEXEC: a second descriptor of the same open file. */
export function duplicate(fd: number): number {
  return call("int fcntl(int fd, int cmd, int arg)", [fd, 1030, 0], { call: "fcntl F_DUPFD" });
}
