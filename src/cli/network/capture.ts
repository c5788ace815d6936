import { closeSync } from "node:fs";
import type { Command } from "commander";
import type { Filter } from "../../../net/capture/filter.ts";
import type { Links } from "../../../net/capture/links.ts";
import { findContainerOrNetwork } from "../../container/container-or-network.ts";
import { initOf, openNetnsOf } from "../../container/impair/cables.ts";
import type { ListedNetwork } from "../../container/networks.ts";
import type { ContainerRecord } from "../../container/record.ts";
import { parseDuration } from "../../core/duration.ts";
import { ConflictError, UsageError } from "../../core/errors.ts";
import type { Instance } from "../../core/paths.ts";
import { parseBytes } from "../../core/units.ts";
import { versionText } from "../../core/version-text.ts";
import { insideNetns } from "../../sys/namespaces.ts";
import type { PacketSocket } from "../../sys/packet-socket.ts";
import type { ProcessIdentity } from "../../sys/process.ts";
import { catchInterruption } from "../interruption.ts";
import { say } from "../output.ts";
import { requireRoot } from "../privilege.ts";
import { instanceOf } from "../program.ts";
import { isTerminal } from "../terminal.ts";

interface CaptureFlags {
  readonly if?: string;
  readonly w?: string;
  readonly c?: string;
  readonly snaplen?: string;
  readonly for?: string;
  readonly buffer?: string;
  /** False with -n: commander's way of `--no-`. */
  readonly n?: boolean;
}

/** Where packets are captured. */
interface Place {
  /** For people: `container web`. */
  readonly what: string;
  /** The process whose network namespace it is, and whose end is the end; undefined: the host's own. */
  readonly init: ProcessIdentity | undefined;
  readonly name: string;
  readonly ifname: string;
  /** A bridge shows what it forwards only so. */
  readonly promiscuous: boolean;
}

/** All that a packet can be, as tcpdump has it. */
const wholePackets = 262_144;
const usualBuffer = 32 * 1024 ** 2;
const mostBuffer = 1024 ** 3;

function numberFrom(text: string | undefined, flag: string, most: number): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,12}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= most) return value;
  throw new UsageError(`${flag}: ${JSON.stringify(text)}: expected a number from 1 to ${most}`);
}

function containerPlace(record: ContainerRecord, ifname: string | undefined): Place {
  const { name, network, endpoints } = record;
  if (network.kind === "host")
    throw new ConflictError(`container ${name} has the host's network: use tcpdump on the host`);
  const own = endpoints[0]?.ifname ?? (network.kind === "container" ? "eth0" : "lo");
  // Who shares the network of another sees what the other sees.
  const init = initOf(network.kind === "container" ? { ...record, network: { kind: "none" } } : record);
  return { what: `container ${name}`, init, name, ifname: ifname ?? own, promiscuous: false };
}

function networkPlace({ name, definition }: ListedNetwork, ifname: string | undefined): Place {
  if (definition === undefined) throw new UsageError(`network ${name} has no bridge: name a container`);
  if (ifname !== undefined)
    throw new UsageError(`--if chooses among a container's interfaces: ${name} is a network`);
  const { bridge, driver = "bridge" } = definition.network;
  if (driver !== "bridge" && driver !== "vxlan")
    throw new UsageError(`network ${name} is of the driver ${driver}, without a bridge: name a container`);
  return { what: `network ${name}`, init: undefined, name, ifname: bridge, promiscuous: true };
}

async function findPlace(instance: Instance, reference: string, ifname: string | undefined): Promise<Place> {
  const found = await findContainerOrNetwork(instance, reference);
  return found.kind === "container"
    ? containerPlace(found.record, ifname)
    : networkPlace(found.network, ifname);
}

/** All that belongs to the namespace of the place, opened in it. */
interface Opened {
  readonly links: Links;
  readonly socket: PacketSocket;
  readonly link: number;
  readonly filter: Filter | undefined;
}

async function open(place: Place, text: string, snapLength: number, buffer: number): Promise<Opened> {
  const { PacketSocket } = await import("../../sys/packet-socket.ts");
  const { Links } = await import("../../../net/capture/links.ts");
  const { compileFilter, passBytes } = await import("../../../net/capture/filter.ts");
  const act = (): Opened => {
    const links = new Links();
    try {
      const any = place.ifname === "any";
      const link = any ? 0 : links.find(place.ifname)?.index;
      if (link === undefined) throw notThere(place);
      const filter =
        text === "" ? undefined : compileFilter(text, any ? undefined : place.ifname, snapLength);
      const instructions =
        filter?.instructions ?? (snapLength < wholePackets ? passBytes(snapLength) : undefined);
      const { promiscuous } = place;
      const socket = new PacketSocket({ link, filter: instructions, buffer, promiscuous });
      return { links, socket, link, filter };
    } catch (error) {
      links[Symbol.dispose]();
      throw error;
    }
  };
  if (place.init === undefined) return act();
  const netns = openNetnsOf(place.init, place.name);
  try {
    return insideNetns(netns, act);
  } finally {
    closeSync(netns);
  }
}

function notThere({ what, ifname, init }: Place): UsageError {
  return init === undefined
    ? new UsageError(`${what} is not up: it has no bridge ${ifname} until its first container runs`)
    : new UsageError(`${what} has no interface ${ifname}`);
}

async function run(
  instance: Instance,
  reference: string,
  words: readonly string[],
  flags: CaptureFlags,
): Promise<void> {
  const count = numberFrom(flags.c, "-c", 999_999_999_999);
  const snapLength = numberFrom(flags.snaplen, "--snaplen", wholePackets) ?? wholePackets;
  const buffer = flags.buffer === undefined ? usualBuffer : parseBytes(flags.buffer, "--buffer");
  if (buffer > mostBuffer) throw new UsageError(`--buffer: ${flags.buffer}: expected up to 1g`);
  const ms = flags.for === undefined ? undefined : parseDuration(flags.for, "--for");
  if (ms !== undefined && ms <= 0) throw new UsageError(`--for: ${flags.for}: expected more than 0`);
  if (flags.w === "-" && (await isTerminal(1)))
    throw new UsageError("-w -: standard output is a terminal: expected a pipe or a file");
  const place = await findPlace(instance, reference, flags.if);
  const { capture } = await import("../../../net/capture/session.ts");
  const { fileOutput, standardOutput } = await import("../../../net/capture/output.ts");
  const { awaitProcess } = await import("../../sys/pidfd.ts");
  using interruption = catchInterruption();
  const { socket, links, link, filter } = await open(place, words.join(" "), snapLength, buffer);
  const timer = ms === undefined ? undefined : setTimeout(interruption.interrupt, Math.min(ms, 2 ** 31 - 1));
  const over = new AbortController();
  // When its first process has ended, so has all that could be captured.
  const ended = place.init === undefined ? undefined : awaitProcess(place.init, over.signal);
  ended?.then(interruption.interrupt, interruption.interrupt);
  try {
    const output = flags.w === undefined || flags.w === "-" ? standardOutput() : fileOutput(flags.w);
    try {
      const sink = await sinkFor({ instance, flags, place, links, link, output, filter, snapLength });
      say(`capturing on ${place.ifname} of ${place.what}${flags.w === undefined ? "" : `, to ${flags.w}`}`);
      const session = { socket, links, link, sink, output, count, abort: interruption.signal };
      const { captured, dropped, why } = await capture(session);
      if (why === "link gone") say(`${place.ifname} of ${place.what} has gone`);
      say(`${captured} captured, ${dropped} dropped by kernel`);
    } finally {
      await output.close();
    }
  } finally {
    clearTimeout(timer);
    over.abort();
    await ended;
    socket[Symbol.dispose]();
    links[Symbol.dispose]();
  }
}

interface SinkRequest {
  readonly instance: Instance;
  readonly flags: CaptureFlags;
  readonly place: Place;
  readonly links: Links;
  readonly link: number;
  readonly output: import("../../../net/capture/output.ts").Output;
  readonly filter: Filter | undefined;
  readonly snapLength: number;
}

async function sinkFor({
  instance,
  flags,
  place,
  links,
  link,
  output,
  filter,
  snapLength,
}: SinkRequest): Promise<import("../../../net/capture/sink.ts").Sink> {
  const { FileSink, ScreenSink } = await import("../../../net/capture/sink.ts");
  const { AddressNames } = await import("../../container/address-names.ts");
  const names = flags.n === true ? undefined : await AddressNames.of(instance);
  const nameOf = (index: number): string => links.nameOf(index);
  if (flags.w === undefined) {
    return new ScreenSink({
      output,
      who: (address) => names?.who(address) ?? address,
      nameOf,
      showsInterface: link === 0,
      showsDirection: place.init !== undefined,
    });
  }
  const { release } = await import("node:os");
  const { ipv4Bytes, parseIpv4 } = await import("../../../net/ipv4.ts");
  const { ipv6Bytes } = await import("../../../net/ipv6.ts");
  return new FileSink({
    output,
    snapLength,
    nameOf,
    application: `mdocker ${versionText()}`,
    os: `Linux ${release()}`,
    what: `${place.ifname} of ${place.what}`,
    filter: filter?.text,
    names: [...(names?.entries() ?? [])].map(([address, name]) => {
      const is4 = parseIpv4(address) !== undefined;
      return [is4 ? ipv4Bytes(address) : ipv6Bytes(address), name] as const;
    }),
    now: () => BigInt(Date.now()) * 1_000_000n,
  });
}

/** Adds `network capture`. */
export function addCapture(network: Command): void {
  const command = network
    .command("capture")
    .helpOption("--help", "show help")
    .summary("show or record the packets of a container or a network")
    .description(
      "Captures packets on a container's interface, or on a network's bridge, without any privilege or program inside: a " +
        "line for each, or with -w a pcapng file that tcpdump and wireshark read. Ends with Ctrl-C, after -c packets, " +
        "after --for, or with the container. A filter is one of pcap-filter(7), such as: tcp port 80 and host 10.200.1.2.",
    )
    .argument("<container|network>")
    .argument("[filter...]")
    .option("-i, --if <interface>", "which of its interfaces, or any: eth0 unless given")
    .option("-w <file>", "write pcapng there; - is standard output")
    .option("-c <count>", "end after so many packets")
    .option("-s, --snaplen <bytes>", "keep no more of each packet: all unless given")
    .option("--buffer <size>", "bytes that may wait for a slow disk or reader: 32m unless given")
    .option("--for <time>", "end after so long: 10s")
    .option("-n", "show addresses, not names of containers");
  command.action(async (reference: string, words: readonly string[], flags: CaptureFlags) => {
    requireRoot("network capture");
    await run(instanceOf(command), reference, words, flags);
  });
}
