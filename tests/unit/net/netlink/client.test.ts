import { describe, expect, test } from "vitest";
import { joined, text } from "../../../../net/netlink/attribute.ts";
import { NetlinkClient, type NetlinkTransport } from "../../../../net/netlink/client.ts";
import { deleteLink, dumpLinks, getLink, setLink } from "../../../../net/netlink/link.ts";
import { decodeMessages, encodeMessage, type NetlinkMessage } from "../../../../net/netlink/message.ts";

type Answer = (request: NetlinkMessage) => readonly Uint8Array[];

function message(type: number, flags: number, sequence: number, payload: Uint8Array): Uint8Array {
  return encodeMessage({ type, flags, payload, what: "", change: false }, sequence);
}

function ack({ sequence }: NetlinkMessage, errno = 0, words?: string): Uint8Array {
  const code = new Uint8Array(20);
  new DataView(code.buffer).setInt32(0, -errno, true);
  return message(2, 0x300, sequence, words === undefined ? code : joined([code, text(1, words)]));
}

const link = (index: number): Uint8Array => Uint8Array.of(0, 0, 0, 0, index, ...new Array(11).fill(0));

/** A kernel that answers each request with what `answer` says, one datagram each. */
class ScriptedKernel implements NetlinkTransport {
  readonly sends: NetlinkMessage[][] = [];
  readonly #queue: Uint8Array[] = [];
  readonly #answer: Answer;
  constructor(answer: Answer) {
    this.#answer = answer;
  }
  send(bytes: Uint8Array): void {
    const requests = decodeMessages(bytes);
    this.sends.push(requests);
    this.#queue.push(...requests.flatMap((request) => [...this.#answer(request)]));
  }
  receive(): Uint8Array {
    const datagram = this.#queue.shift();
    if (datagram === undefined) throw new Error("the client waits for an answer that never comes");
    return datagram;
  }
  get unread(): number {
    return this.#queue.length;
  }
}

describe("a batch", () => {
  test("goes out in one send, numbered, with acks asked for on changes only", () => {
    const kernel = new ScriptedKernel((request) =>
      request.type === 18 ? [message(16, 0, request.sequence, link(7))] : [ack(request)],
    );
    const client = new NetlinkClient(kernel);
    const answers = client.exchange([setLink("a", { up: true }), getLink("b"), deleteLink("c")]);
    expect(answers).toEqual([undefined, link(7), undefined]);
    client.change(deleteLink("d"));
    expect(kernel.sends.map((send) => send.map(({ sequence, flags }) => [sequence, flags & 4]))).toEqual([
      [
        [1, 4],
        [2, 0],
        [3, 4],
      ],
      [[4, 4]],
    ]);
  });

  test("reports its first failure with the kernel's words, after every answer has been read", () => {
    const kernel = new ScriptedKernel((request) => {
      if (request.sequence === 2) return [ack(request, 22, "mtu less than device minimum")];
      return [ack(request, request.sequence === 3 ? 19 : 0)];
    });
    const client = new NetlinkClient(kernel);
    const batch = [setLink("a", { up: true }), setLink("b", { mtu: 1 }), deleteLink("c")];
    expect(() => client.exchange(batch)).toThrow("RTM_NEWLINK b: EINVAL (mtu less than device minimum)");
    expect(kernel.unread).toBe(0);
  });

  test("leaves late answers to earlier requests aside and refuses answers to nothing", () => {
    const late = message(2, 0, 1, new Uint8Array(20));
    const kernel = new ScriptedKernel((request) => [late, ack(request)]);
    const client = new NetlinkClient(kernel);
    client.change(deleteLink("a"));
    client.change(deleteLink("b"));
    const stranger = new ScriptedKernel(({ sequence }) => [message(2, 0, sequence + 5, new Uint8Array(20))]);
    expect(() => new NetlinkClient(stranger).change(deleteLink("a"))).toThrow("answer 6 to nothing");
  });
});

describe("a dump", () => {
  const DONE = 3;
  const MULTI = 2;
  const INTERRUPTED = 0x10;

  function dumping(interruptions: number): ScriptedKernel {
    let round = 0;
    return new ScriptedKernel(({ sequence }) => {
      round += 1;
      const flags = round <= interruptions ? MULTI | INTERRUPTED : MULTI;
      return [
        joined([message(16, flags, sequence, link(round)), message(16, flags, sequence, link(9))]),
        message(DONE, flags, sequence, new Uint8Array(4)),
      ];
    });
  }

  test("is collected over datagrams", () => {
    const kernel = dumping(0);
    expect(new NetlinkClient(kernel).dump(dumpLinks())).toEqual([link(1), link(9)]);
    expect(kernel.sends).toHaveLength(1);
  });

  test("that a change interrupted is asked once more, not for ever", () => {
    const once = dumping(1);
    expect(new NetlinkClient(once).dump(dumpLinks())).toEqual([link(2), link(9)]);
    const always = dumping(Number.POSITIVE_INFINITY);
    expect(new NetlinkClient(always).dump(dumpLinks())).toEqual([link(2), link(9)]);
    expect(always.sends).toHaveLength(2);
  });

  test("that fails, at once or half-way, is an error", () => {
    const refused = new ScriptedKernel((request) => [ack(request, 1)]);
    expect(() => new NetlinkClient(refused).dump(dumpLinks())).toThrow("RTM_GETLINK: EPERM");
    const halfWay = new ScriptedKernel(({ sequence }) => [
      message(16, MULTI, sequence, link(1)),
      message(DONE, MULTI, sequence, Uint8Array.of(0xf4, 0xff, 0xff, 0xff)),
    ]);
    expect(() => new NetlinkClient(halfWay).dump(dumpLinks())).toThrow("RTM_GETLINK: ENOMEM");
  });
});
