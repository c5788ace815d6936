import { type Context, Streams } from "./decode/context.ts";
import { decodeFrame, type LinkType, linkTypes } from "./decode/frame.ts";
import type { Output } from "./output.ts";
import {
  interfaceDescription,
  interfaceStatistics,
  nameResolution,
  packetBlockSize,
  sectionHeader,
  writePacket,
} from "./pcapng.ts";
import { type Packet, packetTypes } from "./ring.ts";

/** What is made of captured packets. */
export interface Sink {
  /** Takes packets, whose data are theirs only until this returns. Returns how many. */
  take(packets: Iterable<Packet>): number;
  /** The end. */
  finish(counts: { readonly received: number; readonly dropped: number }): void;
}

/** ARPHRD_* of include/uapi/linux/if_arp.h: links whose packets begin with an Ethernet header, and with IP. */
const ethernetHardware: ReadonlySet<number> = new Set([1, 772]);
const rawHardware: ReadonlySet<number> = new Set([65534, 768, 769, 776, 512]);

/** How packets of a link begin; undefined for those that are passed over. */
function linkTypeOf(hardware: number): LinkType | undefined {
  if (ethernetHardware.has(hardware)) return linkTypes.ethernet;
  return rawHardware.has(hardware) ? linkTypes.raw : undefined;
}

export interface FileSinkOptions {
  readonly output: Output;
  readonly snapLength: number;
  readonly nameOf: (link: number) => string;
  readonly application: string;
  readonly os: string;
  /** For people: what is captured. */
  readonly what: string;
  readonly filter?: string | undefined;
  /** Names of addresses, for readers to show. */
  readonly names: Iterable<readonly [Uint8Array, string]>;
  /** Nanoseconds since 1970. */
  readonly now: () => bigint;
}

/** Writes pcapng. What was taken is in the file, in whole blocks, when {@link take} returns. */
export class FileSink implements Sink {
  readonly #options: FileSinkOptions;
  /** Numbers in the file by index of the link. */
  readonly #interfaces = new Map<number, number>();
  /** Used again for every batch: to make room for each would cost more than to fill it. */
  #scratch: Buffer = Buffer.allocUnsafeSlow(1024 * 1024);

  constructor(options: FileSinkOptions) {
    const { output, application, os, what, names } = options;
    this.#options = options;
    const known = [...names];
    output.write(
      Buffer.concat([
        sectionHeader(application, os, what),
        ...(known.length === 0 ? [] : [nameResolution(known)]),
      ]),
    );
  }

  /** Also of a link that no packet comes from the file tells. @param hardware ARPHRD_* */
  describe(link: number, hardware: number): number | undefined {
    const known = this.#interfaces.get(link);
    if (known !== undefined) return known;
    const linkType = linkTypeOf(hardware);
    if (linkType === undefined) return undefined;
    const { output, snapLength, nameOf, filter } = this.#options;
    output.write(interfaceDescription({ linkType, snapLength, name: nameOf(link), filter }));
    const number = this.#interfaces.size;
    this.#interfaces.set(link, number);
    return number;
  }

  take(packets: Iterable<Packet>): number {
    let count = 0;
    let end = 0;
    for (const packet of packets) {
      const number = this.describe(packet.link, packet.hardware);
      if (number === undefined) continue;
      this.#makeRoom(end, packetBlockSize(packet.data.length));
      end = writePacket(this.#scratch, end, packet, number);
      count += 1;
    }
    if (end > 0) this.#options.output.write(this.#scratch.subarray(0, end));
    return count;
  }

  #makeRoom(used: number, more: number): void {
    if (used + more <= this.#scratch.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * (used + more));
    this.#scratch.copy(larger, 0, 0, used);
    this.#scratch = larger;
  }

  finish(counts: { readonly received: number; readonly dropped: number }): void {
    const { output, now } = this.#options;
    // What was counted, was counted for all interfaces together.
    if (this.#interfaces.size > 0) output.write(interfaceStatistics(0, now(), counts));
  }
}

export interface ScreenSinkOptions {
  readonly output: Output;
  readonly who: Context["who"];
  readonly nameOf: (link: number) => string;
  /** Whether a line says by which interface: where there are several. */
  readonly showsInterface: boolean;
  /** Whether it says in which direction: a bridge has none that anybody would understand. */
  readonly showsDirection: boolean;
}

const day = 86_400_000;

/** The time of day, here, to the microsecond. */
function clockOf(time: bigint): string {
  const ms = Number(time / 1_000_000n);
  const local = ms - new Date(ms).getTimezoneOffset() * 60_000;
  const inDay = new Date(((local % day) + day) % day).toISOString().slice(11, 19);
  return `${inDay}.${String((time / 1000n) % 1_000_000n).padStart(6, "0")}`;
}

/** Writes a line for each packet. */
export class ScreenSink implements Sink {
  readonly #options: ScreenSinkOptions;
  readonly #context: Context;

  constructor(options: ScreenSinkOptions) {
    this.#options = options;
    this.#context = { who: options.who, streams: new Streams() };
  }

  take(packets: Iterable<Packet>): number {
    const { output, nameOf, showsInterface, showsDirection } = this.#options;
    let text = "";
    let count = 0;
    for (const { time, data, link, hardware, type } of packets) {
      const linkType = linkTypeOf(hardware);
      if (linkType === undefined) continue;
      const line = decodeFrame(data, linkType, this.#context);
      const direction = showsDirection ? (type === packetTypes.outgoing ? "out " : "in  ") : "";
      text += `${clockOf(time)} ${showsInterface ? `${nameOf(link)} ` : ""}${direction}${line}\n`;
      count += 1;
    }
    if (count > 0) output.write(Buffer.from(text));
    return count;
  }

  finish(): void {}
}
