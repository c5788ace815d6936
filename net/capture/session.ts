import { setImmediate as nextTurn } from "node:timers/promises";
import type { PacketSocket } from "../../src/sys/packet-socket.ts";
import { passBytes } from "./filter.ts";
import type { Links } from "./links.ts";
import type { Output } from "./output.ts";
import { type Packet, packetsOf, packetTypes } from "./ring.ts";
import type { Sink } from "./sink.ts";

export interface CaptureSession {
  readonly socket: PacketSocket;
  readonly links: Links;
  /** Index of the link that is captured on; 0 is any. */
  readonly link: number;
  readonly sink: Sink;
  readonly output: Output;
  /** Ends after so many packets. */
  readonly count: number | undefined;
  /** Ends when it is aborted, with all that came before. */
  readonly abort: AbortSignal;
}

export interface CaptureResult {
  readonly captured: number;
  readonly dropped: number;
  /** Why it ended: so many packets, asked to, its link has gone, or whoever read it has. */
  readonly why: "count" | "asked" | "link gone" | "reader gone";
}

/** ARPHRD_LOOPBACK: its packets are seen twice, as they go out and as they come in. */
const loopback = 772;
/** The kernel hands a block over after at most so many milliseconds. */
const patience = 400;

/** Those that came in before `until`, at most `left` of them; each packet of the loopback once. */
function* wanted(packets: Iterable<Packet>, left: number, until: bigint | undefined): Generator<Packet> {
  let count = 0;
  for (const packet of packets) {
    if (count >= left) return;
    if (packet.hardware === loopback && packet.type === packetTypes.outgoing) continue;
    if (until !== undefined && packet.time > until) continue;
    count += 1;
    yield packet;
  }
}

/**
 * Captures until one of the ends: every packet goes to the sink in the order the kernel saw it. The event loop has its turn
 * after each block.
 * @throws SetupError when the output takes no more: what it has taken is whole.
 */
export async function capture(session: CaptureSession): Promise<CaptureResult> {
  const { socket, links, link, sink, output, count, abort } = session;
  const limit = count ?? Number.POSITIVE_INFINITY;
  let captured = 0;
  let until: bigint | undefined;
  const wake = (): void => {
    // The clock here shows milliseconds, the packets' nanoseconds.
    until ??= BigInt(Date.now() + 1) * 1_000_000n;
    socket.wake();
  };
  const drain = async (): Promise<void> => {
    const take = (): boolean =>
      socket.takeBlock((block) => {
        captured += sink.take(wanted(packetsOf(block), limit - captured, until));
      });
    while (captured < limit && !output.closed && take()) {
      await output.drained(abort);
      await nextTurn();
    }
  };
  const lost = (): boolean =>
    socket.takeError() !== undefined && link !== 0 && links.find(link) === undefined;
  abort.addEventListener("abort", wake);
  output.onClosed(() => socket.wake());
  if (abort.aborted) wake();
  try {
    let why: CaptureResult["why"] | undefined;
    while (why === undefined) {
      const result = await socket.wait(-1);
      await drain();
      if (captured >= limit) why = "count";
      else if (output.closed) why = "reader gone";
      else if (abort.aborted) why = "asked";
      else if (result === "error" && lost()) why = "link gone";
    }
    if (why === "asked" || why === "link gone") {
      // Nothing new; what came before is still in a block that is not full.
      socket.setFilter(passBytes(0));
      await drain();
      for (let waited = 0; socket.filling && waited < patience && captured < limit; waited += 10) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        await drain();
      }
    }
    const counts = socket.counts();
    sink.finish(counts);
    await output.drained(abort);
    return { captured, dropped: counts.dropped, why };
  } finally {
    abort.removeEventListener("abort", wake);
  }
}
