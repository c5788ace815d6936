import { closeSync, writeSync } from "node:fs";
import { SyscallError } from "../core/errors.ts";
import { call, cFunction } from "./call.ts";
import { errnoName } from "./errno.ts";
import { koffi, lastErrno } from "./native.ts";
import { makePipe } from "./pipe.ts";

/** include/linux/socket.h, include/uapi/linux/if_packet.h, if_ether.h. */
const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SO_ATTACH_FILTER = 26;
const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_RX_RING = 5;
const PACKET_STATISTICS = 6;
const PACKET_VERSION = 10;
const PACKET_MR_PROMISC = 1;
const TPACKET_V3 = 2;
const ETH_P_ALL = 0x0003;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const POLLIN = 1;
const POLLERR = 8;
/** A block belongs to us, and no longer to the kernel. */
const TP_STATUS_USER = 1;

/** The ring that packets come in by: a packet of 64 KiB must fit into a block, a burst into the ring. */
const blockSize = 512 * 1024;
const leastBlocks = 2;
const frameSize = 2048;
/** A block that is not full is handed over after so many milliseconds. */
const retireMs = 50;

const setsockopt = "int setsockopt(int fd, int level, int name, void *value, unsigned int size)";
const getsockopt = "int getsockopt(int fd, int level, int name, _Out_ void *value, _Inout_ void *size)";

/** What a packet socket is to take. */
export interface PacketSocketOptions {
  /** Index of the link; 0 is all of the namespace. */
  readonly link: number;
  /** Instructions of classic BPF, struct sock_filter each. */
  readonly filter?: Uint8Array | undefined;
  /** Bytes that may wait to be taken; memory of the kernel for as long as the socket is open. */
  readonly buffer: number;
  /** Also what is not for this host: a bridge then shows what it forwards. */
  readonly promiscuous: boolean;
}

/** What the kernel has counted since it was asked last. */
export interface PacketCounts {
  /** All that the filter let through, dropped ones included. */
  readonly received: number;
  /** Those for which the ring had no room. */
  readonly dropped: number;
}

/** Why {@link PacketSocket.wait} came back. */
export type WaitResult = "packets" | "error" | "woken";

/**
 * A packet socket (packet(7)) with a ring of blocks in shared memory (TPACKET_V3). It belongs for ever to the network
 * namespace the thread was in when it was opened.
 */
export class PacketSocket implements Disposable {
  readonly fd: number;
  readonly #ring: unknown;
  readonly #blocks: Buffer;
  readonly #blockCount: number;
  readonly #words: Int32Array;
  readonly #wake: readonly [number, number];
  #next = 0;
  #closed = false;

  /** @throws SyscallError: EPERM without CAP_NET_RAW, ENODEV for a link that is not there. */
  constructor({ link, filter, buffer, promiscuous }: PacketSocketOptions) {
    // Protocol 0: nothing comes in before the filter is there, and all that comes in has passed it.
    this.fd = call(
      "int socket(int domain, int type, int protocol)",
      [AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0],
      {
        call: "socket",
        subject: "AF_PACKET",
      },
    );
    this.#wake = makePipe();
    this.#blockCount = Math.max(leastBlocks, Math.ceil(buffer / blockSize));
    try {
      this.#set(PACKET_VERSION, int32(TPACKET_V3), "PACKET_VERSION");
      // struct tpacket_req3: block size · block count · frame size · frame count · retire ms · private size · features
      const frames = (blockSize / frameSize) * this.#blockCount;
      const request = int32(blockSize, this.#blockCount, frameSize, frames, retireMs, 0, 0);
      this.#set(PACKET_RX_RING, request, "PACKET_RX_RING");
      const size = blockSize * this.#blockCount;
      const mmap = cFunction("void *mmap(void *at, size_t size, int prot, int flags, int fd, long offset)");
      this.#ring = mmap(null, size, PROT_READ_WRITE, MAP_SHARED, this.fd, 0);
      if (koffi().address(this.#ring) === 0xffffffffffffffffn)
        throw new SyscallError({ call: "mmap", errno: errnoName(lastErrno()), subject: "PACKET_RX_RING" });
      const memory = koffi().view(this.#ring, size);
      this.#blocks = Buffer.from(memory);
      this.#words = new Int32Array(memory);
      if (filter !== undefined) this.setFilter(filter);
      if (promiscuous) this.#beginPromiscuous(link);
      this.#bind(link);
    } catch (error) {
      this.#close();
      throw error;
    }
  }

  #set(name: number, value: Buffer, what: string): void {
    call(setsockopt, [this.fd, SOL_PACKET, name, value, value.length], { call: `setsockopt ${what}` });
  }

  /** struct packet_mreq: ifindex i32@0 · type u16@4 · address size u16@6 · address@8. Ends with the socket. */
  #beginPromiscuous(link: number): void {
    const request = Buffer.alloc(16);
    request.writeInt32LE(link, 0);
    request.writeUInt16LE(PACKET_MR_PROMISC, 4);
    this.#set(PACKET_ADD_MEMBERSHIP, request, "PACKET_ADD_MEMBERSHIP");
  }

  /** struct sockaddr_ll: family u16@0 · protocol be16@2 · ifindex i32@4 · hardware type u16@8 · ... 20 bytes. */
  #bind(link: number): void {
    const address = Buffer.alloc(20);
    address.writeUInt16LE(AF_PACKET, 0);
    address.writeUInt16BE(ETH_P_ALL, 2);
    address.writeInt32LE(link, 4);
    call("int bind(int fd, void *address, unsigned int size)", [this.fd, address, address.length], {
      call: "bind",
      subject: `link ${link}`,
    });
  }

  /** From now on only what these instructions of classic BPF let through (SO_ATTACH_FILTER). */
  setFilter(instructions: Uint8Array): void {
    // struct sock_fprog: count u16@0 · instructions ptr@8
    const program = Buffer.alloc(16);
    const copy = Buffer.from(instructions);
    program.writeUInt16LE(copy.length / 8, 0);
    program.writeBigUInt64LE(koffi().address(copy), 8);
    call(setsockopt, [this.fd, SOL_SOCKET, SO_ATTACH_FILTER, program, program.length], {
      call: "setsockopt SO_ATTACH_FILTER",
    });
  }

  /** Counters since the last call (PACKET_STATISTICS): struct tpacket_stats_v3: packets u32@0 · drops u32@4 · freezes. */
  counts(): PacketCounts {
    const stats = Buffer.alloc(12);
    const size = int32(stats.length);
    call(getsockopt, [this.fd, SOL_PACKET, PACKET_STATISTICS, stats, size], {
      call: "getsockopt PACKET_STATISTICS",
    });
    return { received: stats.readUInt32LE(0), dropped: stats.readUInt32LE(4) };
  }

  /** The error that the socket has met, by name, and forgets by that: ENETDOWN when its link went down or away. */
  takeError(): string | undefined {
    const value = Buffer.alloc(4);
    call(getsockopt, [this.fd, SOL_SOCKET, SO_ERROR, value, int32(4)], { call: "getsockopt SO_ERROR" });
    const errno = value.readInt32LE(0);
    return errno === 0 ? undefined : errnoName(errno);
  }

  /** Takes the next block of packets, if one is ready; `act` may look at it only while it runs. */
  takeBlock(act: (block: Buffer) => void): boolean {
    const start = this.#next * blockSize;
    const status = start / 4 + 2;
    // An atomic access orders what comes before and after it: the kernel fills the block on another processor.
    if ((Atomics.load(this.#words, status) & TP_STATUS_USER) === 0) return false;
    try {
      act(this.#blocks.subarray(start, start + blockSize));
    } finally {
      Atomics.store(this.#words, status, 0);
      this.#next = (this.#next + 1) % this.#blockCount;
    }
    return true;
  }

  /** True when packets are in a block that the kernel has not handed over yet. */
  get filling(): boolean {
    return (this.#words[(this.#next * blockSize) / 4 + 3] ?? 0) > 0;
  }

  /**
   * Waits for packets, an error of the socket, `ms` milliseconds (-1: without end) or {@link wake}: in poll(2) on a thread
   * of the pool.
   */
  async wait(ms: number): Promise<WaitResult> {
    // struct pollfd: fd i32@0 · events i16@4 · revents i16@6
    const entries = Buffer.alloc(16);
    for (const [at, fd] of [this.fd, this.#wake[0]].entries()) {
      entries.writeInt32LE(fd, 8 * at);
      entries.writeInt16LE(POLLIN, 8 * at + 4);
    }
    await new Promise<void>((resolve, reject) => {
      const poll = cFunction("int poll(void *fds, unsigned long count, int timeout)");
      // Interrupted by a signal (EINTR) it has found nothing: the caller looks, and waits again.
      poll.async(entries, 2, ms, (error: unknown) => (error === null ? resolve() : reject(error)));
    });
    const found = entries.readInt16LE(6);
    if ((found & POLLERR) !== 0) return "error";
    return (found & POLLIN) === 0 ? "woken" : "packets";
  }

  /** Ends the {@link wait} that goes on, and every later one. */
  wake(): void {
    if (!this.#closed) writeSync(this.#wake[1], "x");
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const fd of [this.fd, ...this.#wake]) closeSync(fd);
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    cFunction("int munmap(void *at, size_t size)")(this.#ring, blockSize * this.#blockCount);
    this.#close();
  }
}

/** 32-bit numbers one after the other, as the kernel's structs have them. */
function int32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [at, value] of values.entries()) bytes.writeInt32LE(value, 4 * at);
  return bytes;
}
