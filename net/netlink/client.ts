import { SetupError, SyscallError } from "../../src/core/errors.ts";
import { errnoName } from "../../src/sys/errno.ts";
import { NetlinkSocket } from "../../src/sys/mnl.ts";
import { parseAck } from "./ack.ts";
import { joined } from "./attribute.ts";
import {
  decodeMessages,
  encodeMessage,
  type NetlinkMessage,
  type NetlinkRequest,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
  structView,
} from "./message.ts";

/** The two calls of a socket that the client needs. */
export type NetlinkTransport = Pick<NetlinkSocket, "send" | "receive">;

const EOPNOTSUPP = 95;

function failure(request: NetlinkRequest, errno: number, text: string | undefined): SyscallError {
  const [call = "netlink", ...subject] = request.what.split(" ");
  const hint = text ?? (errno === EOPNOTSUPP ? "this kernel lacks support for it" : undefined);
  return new SyscallError({ call, errno: errnoName(errno), subject: subject.join(" ") || undefined, hint });
}

/**
 * Asks and changes the kernel's tables over one netlink socket. Requests of one batch go out in one send and are
 * performed in order; the kernel goes on after a request that failed, so undo whatever a failed batch may have made.
 */
export class NetlinkClient {
  readonly #socket: NetlinkTransport;
  #sequence = 0;

  constructor(socket: NetlinkTransport) {
    this.#socket = socket;
  }

  /**
   * Performs a batch of changes and single reads. Returns, for each request, the payload of its answer; undefined for a
   * change.
   * @throws SyscallError of the first request that failed, after the answers to all have been read.
   */
  exchange(requests: readonly NetlinkRequest[]): (Uint8Array | undefined)[] {
    const first = this.#sequence + 1;
    this.#sequence += requests.length;
    this.#socket.send(joined(requests.map((request, at) => encodeMessage(request, first + at))));
    const answers: (Uint8Array | undefined)[] = requests.map(() => undefined);
    const failures: (SyscallError | undefined)[] = requests.map(() => undefined);
    const open = new Set(requests.keys());
    while (open.size > 0) {
      for (const message of this.#receive(first)) {
        const at = message.sequence - first;
        const request = requests[at];
        if (request === undefined || !open.delete(at)) {
          throw new SetupError(`netlink: answer ${message.sequence} to nothing that was asked`);
        }
        if (message.type === NLMSG_ERROR) {
          const { errno, text } = parseAck(message);
          if (errno !== 0) failures[at] = failure(request, errno, text);
        } else {
          answers[at] = message.payload;
        }
      }
    }
    const failed = failures.find((it) => it !== undefined);
    if (failed !== undefined) throw failed;
    return answers;
  }

  /** Performs one change. @throws SyscallError */
  change(request: NetlinkRequest): void {
    this.exchange([request]);
  }

  /** The payload that answers one read. @throws SyscallError, such as ENODEV. */
  get(request: NetlinkRequest): Uint8Array {
    const [answer] = this.exchange([request]);
    if (answer === undefined) throw new SetupError(`netlink: ${request.what}: an ack instead of an answer`);
    return answer;
  }

  /**
   * All payloads that answer a dump. A dump that the kernel marks as interrupted by a change is asked once more.
   * @throws SyscallError
   */
  dump(request: NetlinkRequest): Uint8Array[] {
    const once = this.#dumpOnce(request);
    return (once.interrupted ? this.#dumpOnce(request) : once).payloads;
  }

  #dumpOnce(request: NetlinkRequest): { payloads: Uint8Array[]; interrupted: boolean } {
    const sequence = ++this.#sequence;
    this.#socket.send(encodeMessage(request, sequence));
    const payloads: Uint8Array[] = [];
    let interrupted = false;
    for (;;) {
      for (const message of this.#receive(sequence)) {
        if ((message.flags & NLM_F_DUMP_INTR) !== 0) interrupted = true;
        if (message.type === NLMSG_DONE) {
          // DONE carries the errno of a dump that stopped half-way.
          const errno =
            message.payload.length < 4 ? 0 : -structView(message.payload, 4, "DONE").getInt32(0, true);
          if (errno > 0) throw failure(request, errno, undefined);
          return { payloads, interrupted };
        }
        if (message.type === NLMSG_ERROR) {
          const { errno, text } = parseAck(message);
          throw failure(request, errno, text);
        }
        payloads.push(message.payload);
      }
    }
  }

  /** One datagram, without late answers to requests that an earlier error left behind. */
  #receive(first: number): NetlinkMessage[] {
    return decodeMessages(this.#socket.receive()).filter((message) => message.sequence >= first);
  }
}

/** Runs `act` with a client in the thread's network namespace, and closes its socket. */
export function withNetlink<T>(act: (client: NetlinkClient) => T): T {
  const socket = new NetlinkSocket();
  try {
    return act(new NetlinkClient(socket));
  } finally {
    socket[Symbol.dispose]();
  }
}
