import { closeSync } from "node:fs";
import { SyscallError } from "../core/errors.ts";
import { call, cFunction } from "./call.ts";
import { errnoName } from "./errno.ts";
import { lastErrno } from "./native.ts";
import { isReadable, isWritable } from "./poll.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO_ICMP = 1;
const IPPROTO_ICMPV6 = 58;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SOL_IP = 0;
const IP_MTU_DISCOVER = 10;
const IP_RECVERR = 11;
const SOL_IPV6 = 41;
const IPV6_MTU_DISCOVER = 23;
const IPV6_RECVERR = 25;
/** Never fragment, and never mind what is known of the path: ip(7). */
const PMTUDISC_PROBE = 3;
const EINPROGRESS = 115;
const EAGAIN = 11;
const MSG_NOSIGNAL = 0x4000;

const kinds = { icmp: SOCK_RAW, tcp: SOCK_STREAM, udp: SOCK_DGRAM } as const;

/** struct sockaddr_in: family u16@0 · port be16@2 · address@4; sockaddr_in6: · flow u32@4 · address@8 · scope u32@24. */
function sockaddr(address: Uint8Array, port: number): Buffer {
  const six = address.length === 16;
  const name = Buffer.alloc(six ? 28 : 16);
  name.writeUInt16LE(six ? AF_INET6 : AF_INET, 0);
  name.writeUInt16BE(port, 2);
  name.set(address, six ? 8 : 4);
  return name;
}

/**
 * A connected socket, non-blocking, that tells of ICMP errors. It belongs for ever to the network namespace that the
 * thread was in when it was made. Needs CAP_NET_RAW for `icmp`.
 */
export class InetSocket implements Disposable {
  readonly #fd: number;
  readonly #six: boolean;

  constructor(kind: "icmp" | "tcp" | "udp", six: boolean) {
    this.#six = six;
    const protocol = kind !== "icmp" ? 0 : six ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    const type = kinds[kind] | SOCK_NONBLOCK | SOCK_CLOEXEC;
    this.#fd = call(
      "int socket(int domain, int type, int protocol)",
      [six ? AF_INET6 : AF_INET, type, protocol],
      { call: "socket" },
    );
    this.#set(six ? SOL_IPV6 : SOL_IP, six ? IPV6_RECVERR : IP_RECVERR, 1);
  }

  /** Packets that are longer than some link takes are lost instead of being cut up. */
  neverFragment(): void {
    this.#set(this.#six ? SOL_IPV6 : SOL_IP, this.#six ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, PMTUDISC_PROBE);
  }

  #set(level: number, option: number, value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    call(
      "int setsockopt(int fd, int level, int name, void *value, unsigned int size)",
      [this.#fd, level, option, bytes, 4],
      { call: "setsockopt" },
    );
  }

  /** connect(2). Returns the errno at once: undefined when it is done or under way. */
  connect(address: Uint8Array, port: number): string | undefined {
    const name = sockaddr(address, port);
    const connect = cFunction("int connect(int fd, void *address, unsigned int size)");
    if (Number(connect(this.#fd, name, name.length)) === 0) return undefined;
    const errno = lastErrno();
    return errno === EINPROGRESS ? undefined : errnoName(errno);
  }

  /** Our own port, and our own address: what getsockname(2) says. */
  local(): { readonly port: number; readonly address: Uint8Array } {
    const name = Buffer.alloc(28);
    const size = Buffer.alloc(4);
    size.writeUInt32LE(28);
    call("int getsockname(int fd, void *address, void *size)", [this.#fd, name, size], {
      call: "getsockname",
    });
    return { port: name.readUInt16BE(2), address: name.subarray(this.#six ? 8 : 4, this.#six ? 24 : 8) };
  }

  /** send(2). Returns the errno of a refusal: EPERM of a firewall, EMSGSIZE, an ICMP error that came back before. */
  send(bytes: Uint8Array): string | undefined {
    const send = cFunction("long send(int fd, void *data, size_t length, int flags)");
    return Number(send(this.#fd, bytes, bytes.length, MSG_NOSIGNAL)) < 0 ? errnoName(lastErrno()) : undefined;
  }

  /** recv(2): a packet, the errno of an ICMP error, or undefined when there is nothing. */
  receive(): Buffer | string | undefined {
    const buffer = Buffer.alloc(65536);
    const length = Number(
      cFunction("long recv(int fd, void *data, size_t length, int flags)")(
        this.#fd,
        buffer,
        buffer.length,
        0,
      ),
    );
    if (length >= 0) return buffer.subarray(0, length);
    const errno = lastErrno();
    return errno === EAGAIN ? undefined : errnoName(errno);
  }

  /** Waits up to `ms` for something to receive. */
  readable(ms: number): boolean {
    return isReadable(this.#fd, ms);
  }

  /** Waits up to `ms` for a connection to be made or refused: undefined for neither, "" when made, else the errno. */
  outcome(ms: number): string | undefined {
    if (!isWritable(this.#fd, ms)) return undefined;
    const value = Buffer.alloc(4);
    const size = Buffer.alloc(4);
    size.writeUInt32LE(4);
    call(
      "int getsockopt(int fd, int level, int name, void *value, void *size)",
      [this.#fd, SOL_SOCKET, SO_ERROR, value, size],
      { call: "getsockopt" },
    );
    const errno = value.readInt32LE();
    return errno === 0 ? "" : errnoName(errno);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

const AF_PACKET = 17;
const ETH_P_ALL = 3;
const SO_RCVBUFFORCE = 33;
const PACKET_OUTGOING = 4;

/** A packet that went by on some link. */
export interface Sighting {
  /** Index of the link. */
  readonly link: number;
  readonly outgoing: boolean;
  /** From the network header on. */
  readonly packet: Buffer;
}

/** Sees every packet on every link of the network namespace that the thread was in when it was made (packet(7)). */
export class PacketTap implements Disposable {
  readonly #fd: number;

  constructor() {
    // The protocol is big-endian.
    this.#fd = call(
      "int socket(int domain, int type, int protocol)",
      [AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, ETH_P_ALL << 8],
      { call: "socket", subject: "AF_PACKET" },
    );
    const size = Buffer.alloc(4);
    size.writeInt32LE(4 << 20);
    cFunction("int setsockopt(int fd, int level, int name, void *value, unsigned int size)")(
      this.#fd,
      SOL_SOCKET,
      SO_RCVBUFFORCE,
      size,
      4,
    );
  }

  /** What has gone by since the last call; at most `most` packets. */
  drain(most = 20_000): Sighting[] {
    const receive = cFunction(
      "long recvfrom(int fd, void *data, size_t length, int flags, void *address, void *size)",
    );
    const seen: Sighting[] = [];
    const buffer = Buffer.alloc(256);
    const address = Buffer.alloc(20);
    const size = Buffer.alloc(4);
    for (let count = 0; count < most; count += 1) {
      size.writeUInt32LE(20);
      const length = Number(receive(this.#fd, buffer, buffer.length, 0, address, size));
      if (length < 0) {
        const errno = lastErrno();
        if (errno === EAGAIN) break;
        // A link that went down meanwhile.
        if (errnoName(errno) === "ENETDOWN") continue;
        throw new SyscallError({ call: "recvfrom", errno: errnoName(errno), subject: "AF_PACKET" });
      }
      // struct sockaddr_ll: family u16@0 · protocol be16@2 · index i32@4 · type u16@8 · pkttype u8@10
      seen.push({
        link: address.readInt32LE(4),
        outgoing: address[10] === PACKET_OUTGOING,
        packet: Buffer.from(buffer.subarray(0, length)),
      });
    }
    return seen;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
