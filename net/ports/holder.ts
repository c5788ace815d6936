import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { PortProtocol } from "../../src/core/port-mapping.ts";

/** Where the sockets of a protocol are listed. sctp has no such list that is worth reading: its sockets are rare. */
const lists: Readonly<Record<PortProtocol, readonly string[]>> = {
  tcp: ["tcp", "tcp6"],
  udp: ["udp", "udp6"],
  sctp: [],
};

/** enum tcp_state of include/net/tcp_states.h. */
const TIME_WAIT = 6;
const LISTEN = 10;

interface LocalSocket {
  readonly state: number;
  readonly inode: string;
}

/** The sockets that have a local port: of /proc/net/tcp, fields 2 (address:PORT in hex), 4 (state) and 10 (inode). */
function socketsOn(protocol: PortProtocol, port: number): LocalSocket[] {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return lists[protocol].flatMap((list) => {
    let text: string;
    try {
      text = readFileSync(`/proc/thread-self/net/${list}`, "utf8");
    } catch {
      // IPv6 is switched off.
      return [];
    }
    return text.split("\n").flatMap((line) => {
      const [, local = "", , state = "", , , , , , inode = ""] = line.trim().split(/\s+/);
      return local.endsWith(`:${hex}`) ? [{ state: Number.parseInt(state, 16), inode }] : [];
    });
  });
}

/** True when all that is left on a tcp port are connections that are over: a new server may have it at once. */
export function onlyLingers(protocol: PortProtocol, port: number): boolean {
  const sockets = protocol === "tcp" ? socketsOn("tcp", port) : [];
  return sockets.length > 0 && sockets.every(({ state }) => state === TIME_WAIT);
}

function files(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`);
  } catch {
    // Gone meanwhile.
    return [];
  }
}

function link(pid: string, fd: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch {
    return "";
  }
}

/** Who has one of these sockets open: `nginx (pid 812)`. */
function processWith(sockets: ReadonlySet<string>): string | undefined {
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid) || !files(pid).some((fd) => sockets.has(link(pid, fd)))) continue;
    try {
      return `${readFileSync(`/proc/${pid}/comm`, "utf8").trim()} (pid ${pid})`;
    } catch {
      // Gone meanwhile.
    }
  }
  return undefined;
}

/** The process of the host that has a port, where that is known. Looks at every process: for an error message only. */
export function findHolder(protocol: PortProtocol, port: number): string | undefined {
  const sockets = socketsOn(protocol, port).filter(({ state }) => protocol !== "tcp" || state !== TIME_WAIT);
  // A connection has the port of its listener: it is the listener that is to be named.
  const listening = sockets.filter(({ state }) => state === LISTEN);
  const chosen = listening.length > 0 ? listening : sockets;
  if (chosen.length === 0) return undefined;
  return processWith(new Set(chosen.map(({ inode }) => `socket:[${inode}]`)));
}
