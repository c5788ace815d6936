import { closeSync, writeSync } from "node:fs";
import { SetupError, SyscallError } from "../core/errors.ts";
import type { PortProtocol } from "../core/port-mapping.ts";
import { holderSocket, rootlessUser } from "../core/rootless.ts";
import { call } from "./call.ts";
import { errnoName } from "./errno.ts";
import { receiveWithFd } from "./socket.ts";
import { connectUnix } from "./unix-socket.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_RCVBUF = 8;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;

/** Socket type and protocol number of each transport (include/uapi/linux/in.h). */
const kinds: Readonly<Record<PortProtocol, readonly [type: number, protocol: number]>> = {
  tcp: [1, 6],
  udp: [2, 17],
  sctp: [1, 132],
};

/** An address in network order: 4 bytes, or 16. */
type AddressBytes = Uint8Array;

/** struct sockaddr_in: family u16@0 · port be16@2 · address@4; sockaddr_in6: family · port · flowinfo u32@4 · address@8. */
function socketAddress(address: AddressBytes, port: number): Buffer {
  const v6 = address.length === 16;
  const name = Buffer.alloc(v6 ? 28 : 16);
  name.writeUInt16LE(v6 ? AF_INET6 : AF_INET, 0);
  name.writeUInt16BE(port, 2);
  name.set(address, v6 ? 8 : 4);
  return name;
}

function setOption(fd: number, level: number, option: number, value: number): void {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  call(
    "int setsockopt(int fd, int level, int option, const void *value, unsigned int length)",
    [fd, level, option, bytes, 4],
    { call: "setsockopt" },
  );
}

export interface BindRequest {
  readonly protocol: PortProtocol;
  readonly address: AddressBytes;
  /** 0 for any free one. */
  readonly port: number;
  /** SO_REUSEADDR: also where connections of an earlier socket linger in TIME_WAIT. */
  readonly reuse?: boolean;
}

/** A port that is ours while the descriptor is open. */
export interface BoundPort {
  readonly fd: number;
  readonly port: number;
}

/**
 * Binds a socket in this thread's network namespace and never uses it: while it is open nobody else can bind the port.
 * It does not listen, so that without a rule that leads elsewhere a connection is refused, as if nobody were there.
 * @throws SyscallError: EADDRINUSE, EADDRNOTAVAIL, EACCES; EPROTONOSUPPORT where the kernel lacks the protocol.
 */
export function bindPort(request: BindRequest): BoundPort {
  const { protocol, address, port, reuse = false } = request;
  const user = rootlessUser();
  if (user !== undefined) return bindOutside(request, user);
  const [type, number] = kinds[protocol];
  const family = address.length === 16 ? AF_INET6 : AF_INET;
  const fd = call("int socket(int domain, int type, int protocol)", [family, type | SOCK_CLOEXEC, number], {
    call: "socket",
    subject: protocol,
  });
  try {
    // Without it [::] would take the port of every IPv4 address, too.
    if (family === AF_INET6) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (reuse) setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    // What comes in spite of the rules waits in no memory of ours.
    if (protocol === "udp") setOption(fd, SOL_SOCKET, SO_RCVBUF, 0);
    const name = socketAddress(address, port);
    call("int bind(int fd, const void *address, unsigned int length)", [fd, name, name.length], {
      call: "bind",
      subject: `port ${port}/${protocol}`,
    });
    return { fd, port: port === 0 ? ownPort(fd) : port };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** getsockname(2) */
function ownPort(fd: number): number {
  const name = Buffer.alloc(28);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(name.length);
  call("int getsockname(int fd, void *address, void *size)", [fd, name, size], { call: "getsockname" });
  return name.readUInt16BE(2);
}

const holderGone =
  "rootless: the holder of the namespaces has gone: any mdocker command starts another (mdocker ps): then try again";

function connectHolder(user: number): number {
  try {
    return connectUnix(holderSocket(process.env, user));
  } catch (cause) {
    throw new SetupError(holderGone, { cause });
  }
}

/**
 * Binds a socket in the host's network namespace, which only the holder of the user's own is in (init/holder.c); a
 * stream socket listens already.
 */
function bindOutside({ protocol, address, port }: BindRequest, user: number): BoundPort {
  if (protocol === "sctp")
    throw new SetupError(
      "sctp: only ports of tcp and udp can be led to a container of an ordinary user: use sudo",
    );
  const socket = connectHolder(user);
  try {
    writeSync(
      socket,
      Buffer.concat([Buffer.from([0x42, kinds[protocol][0], 0, 0]), socketAddress(address, port)]),
    );
    const { bytes, fd } = receiveWithFd(socket, 4);
    if (bytes.length < 4) throw new SetupError(holderGone);
    const errno = bytes.readInt32LE(0);
    if (errno !== 0 || fd === undefined)
      throw new SyscallError({ call: "bind", errno: errnoName(errno), subject: `port ${port}/${protocol}` });
    return { fd, port: port === 0 ? ownPort(fd) : port };
  } finally {
    closeSync(socket);
  }
}
