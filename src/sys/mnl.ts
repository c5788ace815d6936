import { SetupError, SyscallError } from "../core/errors.ts";
import { errnoName } from "./errno.ts";
import type { NativeFunction } from "./native.ts";
import { lastErrno, library } from "./native.ts";

/** Family of include/uapi/linux/netlink.h for links, addresses and routes. */
const NETLINK_ROUTE = 0;

const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const EINTR = 4;
const EAGAIN = 11;
const ENOBUFS = 105;

interface Functions {
  readonly open: NativeFunction;
  readonly close: NativeFunction;
  readonly bind: NativeFunction;
  readonly send: NativeFunction;
  readonly receive: NativeFunction;
  readonly setOption: NativeFunction;
  readonly fd: NativeFunction;
  readonly port: NativeFunction;
}

let functions: Functions | undefined;

function mnl(): Functions {
  if (functions !== undefined) return functions;
  let mnl: ReturnType<typeof library>;
  try {
    mnl = library("libmnl.so.0");
  } catch (cause) {
    throw new SetupError("libmnl.so.0 is not installed (Debian: apt-get install libmnl0)", { cause });
  }
  functions = {
    open: mnl.func("void *mnl_socket_open2(int bus, int flags)"),
    close: mnl.func("int mnl_socket_close(void *nl)"),
    bind: mnl.func("int mnl_socket_bind(void *nl, unsigned int groups, int pid)"),
    send: mnl.func("long mnl_socket_sendto(void *nl, const void *buf, size_t len)"),
    receive: mnl.func("long mnl_socket_recvfrom(void *nl, _Out_ void *buf, size_t bufsiz)"),
    setOption: mnl.func("int mnl_socket_setsockopt(void *nl, int type, void *buf, unsigned int len)"),
    fd: mnl.func("int mnl_socket_get_fd(void *nl)"),
    port: mnl.func("unsigned int mnl_socket_get_portid(void *nl)"),
  };
  return functions;
}

function failed(call: string, subject: string): never {
  throw new SyscallError({ call, errno: errnoName(lastErrno()), subject });
}

/**
 * A netlink socket carried by libmnl. It belongs for ever to the network namespace the thread was in when it was
 * opened. Blocking; extended acks and capped error payloads are on. Bytes in, bytes out: messages are net/netlink's.
 */
export class NetlinkSocket implements Disposable {
  #handle: unknown;
  readonly #buffer: Buffer = Buffer.allocUnsafeSlow(65536);

  /**
   * @param family as in include/uapi/linux/netlink.h; @param groups multicast groups 1 to 32 as a bit mask, 0 for none:
   * then the socket is for {@link drain} alone, which does not wait.
   */
  constructor(family: number = NETLINK_ROUTE, groups = 0) {
    const { open, bind, setOption } = mnl();
    const handle: unknown = open(family, groups === 0 ? SOCK_CLOEXEC : SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (handle === null) failed("socket", "AF_NETLINK");
    this.#handle = handle;
    if (Number(bind(handle, groups, 0)) < 0) failed("bind", "AF_NETLINK");
    const on = Buffer.from([1, 0, 0, 0]);
    // Older kernels lack one or the other; the messages are then only less detailed.
    setOption(handle, NETLINK_EXT_ACK, on, 4);
    setOption(handle, NETLINK_CAP_ACK, on, 4);
    setOption(handle, NETLINK_GET_STRICT_CHK, on, 4);
  }

  /** The socket's file descriptor, for poll; closed with the socket. */
  get fd(): number {
    return Number(mnl().fd(this.#handle));
  }

  /** Our netlink port id, which kernel answers carry. */
  get port(): number {
    return Number(mnl().port(this.#handle));
  }

  /** Sends one buffer of one or more messages. */
  send(bytes: Uint8Array): void {
    if (Number(mnl().send(this.#handle, bytes, bytes.length)) < 0) failed("sendto", "AF_NETLINK");
  }

  /**
   * Sends from another thread: the kernel performs a request within the call that sends it, and may wait there. Resolves
   * when that call has come back, whatever it says; until then the socket must stay open.
   */
  sendAside(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      mnl().send.async(this.#handle, bytes, bytes.length, () => resolve());
    });
  }

  /** Receives one datagram (blocking). The bytes are a copy. Throws ENOBUFS when multicast messages were lost. */
  receive(): Uint8Array {
    for (;;) {
      const length = Number(mnl().receive(this.#handle, this.#buffer, this.#buffer.length));
      if (length >= 0) return Uint8Array.prototype.slice.call(this.#buffer, 0, length);
      if (lastErrno() !== EINTR) failed("recvmsg", "AF_NETLINK");
    }
  }

  /**
   * Passes on every datagram that has come in, without waiting for more; the bytes are only good while `take` runs.
   * @returns false when the kernel has dropped some, because nobody read them in time (ENOBUFS).
   */
  drain(take: (bytes: Uint8Array) => void): boolean {
    let complete = true;
    for (;;) {
      const length = Number(mnl().receive(this.#handle, this.#buffer, this.#buffer.length));
      if (length >= 0) {
        take(this.#buffer.subarray(0, length));
        continue;
      }
      const errno = lastErrno();
      if (errno === EAGAIN) return complete;
      if (errno === ENOBUFS) complete = false;
      else if (errno !== EINTR) failed("recvmsg", "AF_NETLINK");
    }
  }

  [Symbol.dispose](): void {
    if (this.#handle === null) return;
    mnl().close(this.#handle);
    this.#handle = null;
  }
}
