import { monotonicMs } from "../../src/core/clock.ts";
import { InetSocket, PacketTap } from "../../src/sys/inet-socket.ts";
import { insideNetns } from "../../src/sys/namespaces.ts";
import { ipBytes } from "../netlink/ip.ts";
import { echoRequest, isEchoReply } from "./echo.ts";
import type { Protocol } from "./flow.ts";
import { type Mark, readTrack, type Track } from "./tracks.ts";

/** What really happened to a packet. */
export interface ProbeResult {
  /** `answered`: it got there and back. `refused`: somebody said no. `silent`: nothing came back. */
  readonly outcome: "answered" | "refused" | "silent";
  /** In words: `echo reply in 0.2 ms`, `connection refused`. */
  readonly said: string;
  readonly errno?: string | undefined;
  /** Of UDP, where silence is all that can be hoped for. */
  readonly open?: boolean | undefined;
}

/** Where a packet of the probe was seen, in the order of the namespaces that were watched. */
export interface Seen extends Track {
  /** Name of the station, and index of its link. */
  readonly station: string;
  readonly link: number;
  readonly outgoing: boolean;
}

/** What is to be tried. */
export interface ProbeRequest {
  readonly protocol: Protocol;
  readonly destination: string;
  readonly port?: number | undefined;
  /** Size of an echo's IP packet; absent: a small one. */
  readonly size?: number | undefined;
  readonly patience?: Patience | undefined;
}

/** A namespace to watch meanwhile. */
export interface Watched {
  readonly name: string;
  readonly netns: number;
}

/** How long to wait for an answer, in milliseconds, and how many packets are sent where they can be counted. */
export interface Patience {
  readonly ms: number;
  readonly tries: number;
}

/** Where nothing else is known, the probe decides; where a reason has been found, it only confirms. */
export const thorough: Patience = { ms: 1000, tries: 2 };
export const brief: Patience = { ms: 400, tries: 1 };

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  EHOSTUNREACH: "no route to host: nobody answers ARP, or a router says so",
  ENETUNREACH: "network is unreachable",
  EPERM: "operation not permitted: a firewall refuses it at its source",
  EMSGSIZE: "message too long",
  ECONNRESET: "connection reset",
  ETIMEDOUT: "timed out",
  EACCES: "refused: prohibited by a router or firewall",
  ENOPROTOOPT: "refused: protocol unreachable",
  EINVAL: "refused by a route",
};

function refused(errno: string): ProbeResult {
  return { outcome: "refused", said: words[errno] ?? errno, errno };
}

const ms = (start: number): string => `${(monotonicMs() - start).toFixed(1)} ms`;

function echo(
  socket: InetSocket,
  id: number,
  { destination, size, patience = thorough }: ProbeRequest,
): ProbeResult {
  const { tries } = patience;
  const six = destination.includes(":");
  const length = (size ?? 84) - (six ? 40 : 20);
  const begin = monotonicMs();
  let error: string | undefined;
  for (let sequence = 1; sequence <= tries; sequence += 1) {
    error = socket.send(echoRequest(id, sequence, length, six)) ?? error;
    const deadline = monotonicMs() + patience.ms;
    for (let left = patience.ms; left > 0 && error === undefined; left = deadline - monotonicMs()) {
      if (!socket.readable(Math.ceil(left))) break;
      const got = socket.receive();
      if (typeof got === "string") error = got;
      else if (got !== undefined && isEchoReply(got, id, sequence, six)) {
        return { outcome: "answered", said: `echo reply in ${ms(begin)}` };
      }
    }
    if (error !== undefined) return refused(error);
  }
  return { outcome: "silent", said: `no echo reply in ${(tries * patience.ms) / 1000} s` };
}

function connection(socket: InetSocket, { ms: time, tries }: Patience): ProbeResult {
  const begin = monotonicMs();
  const wait = tries * time;
  const outcome = socket.outcome(wait);
  if (outcome === undefined)
    return { outcome: "silent", said: `no answer to a connection request in ${wait / 1000} s` };
  return outcome === "" ? { outcome: "answered", said: `connected in ${ms(begin)}` } : refused(outcome);
}

function datagram(socket: InetSocket, { ms: time }: Patience): ProbeResult {
  const error = socket.send(Buffer.from("mdocker network why\n"));
  if (error !== undefined) return refused(error);
  // What refuses a datagram does so at once; an answer depends on the service.
  if (socket.readable(time / 2)) {
    const got = socket.receive();
    if (typeof got === "string") return refused(got);
    return { outcome: "answered", said: "answered" };
  }
  const again = socket.send(Buffer.from("mdocker network why\n"));
  if (again !== undefined) return refused(again);
  return { outcome: "silent", said: "sent; no error came back, and no answer", open: true };
}

/** Sends real packets from the network namespace `netns` (an open file of it), and watches others meanwhile. */
export function probe(
  netns: number,
  request: ProbeRequest,
  watched: readonly Watched[] = [],
): { readonly result: ProbeResult; readonly seen: readonly Seen[] } {
  const { protocol, destination } = request;
  const six = destination.includes(":");
  const open: Disposable[] = [];
  const opened = <T extends Disposable>(it: T): T => {
    open.push(it);
    return it;
  };
  try {
    const taps = watched.map(({ name, netns: at }) => ({
      name,
      tap: opened(insideNetns(at, () => new PacketTap())),
    }));
    const socket = opened(insideNetns(netns, () => new InetSocket(protocol, six)));
    const { result, mark } = send(socket, request);
    const seen = taps.flatMap(({ name, tap }) =>
      tap.drain().flatMap(({ packet, link, outgoing }): Seen[] => {
        const track = readTrack(packet, mark);
        return track === undefined ? [] : [{ ...track, station: name, link, outgoing }];
      }),
    );
    return { result, seen };
  } finally {
    for (const it of open) it[Symbol.dispose]();
  }
}

function send(
  socket: InetSocket,
  request: ProbeRequest,
): { readonly result: ProbeResult; readonly mark: Mark } {
  const { protocol, destination, port = 0, patience = thorough } = request;
  const id = 1 + Math.floor(Math.random() * 0xfffe);
  const error = socket.connect(ipBytes(destination), port);
  // A connection that was refused at once has no port any more; then nothing of it can be seen either.
  const number = protocol === "icmp" ? id : socket.local().port;
  const mark: Mark = { protocol, number };
  if (error !== undefined) return { result: refused(error), mark };
  if (protocol === "tcp") return { result: connection(socket, patience), mark };
  if (protocol === "udp") return { result: datagram(socket, patience), mark };
  if (request.size !== undefined) socket.neverFragment();
  return { result: echo(socket, id, request), mark };
}
