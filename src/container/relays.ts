import { closeSync, openSync } from "node:fs";
import { ipBytes } from "../../net/netlink/ip.ts";
import { SetupError } from "../core/errors.ts";
import { builtFile } from "../core/home.ts";
import type { PublishedPort } from "../core/port-mapping.ts";
import { openProcess } from "../sys/pidfd.ts";
import type { ProcessIdentity } from "../sys/process.ts";
import { reap, spawnProcess } from "../sys/spawn.ts";

/** A port of the host, with the socket that it is bound by, and whose it is. */
interface RelayedPort {
  readonly port: PublishedPort;
  readonly socket: number;
  /** The container's addresses. */
  readonly address: string;
  readonly address6: string | undefined;
}

/**
 * Where a relay leads. What is published on all addresses or on loopback goes through the rules that are there for it,
 * which follow the container to another network; what is published on others they would not know here.
 */
export function relayTarget({ port, address, address6 }: Omit<RelayedPort, "socket">): {
  readonly address: string;
  readonly port: number;
} {
  const { hostAddress, hostPort, containerPort } = port;
  if (hostAddress.includes(":")) return { address: address6 ?? "::1", port: containerPort };
  return hostAddress === "0.0.0.0" || hostAddress.startsWith("127.")
    ? { address: "127.0.0.1", port: hostPort }
    : { address, port: containerPort };
}

/**
 * Leads ports of the host into the namespaces of an ordinary user, by a process each (init/relay.c) that ends with the
 * container's monitor.
 * @throws SetupError when that has ended
 */
export function startRelays(ports: readonly RelayedPort[], monitor: ProcessIdentity): void {
  const pidfd = openProcess(monitor);
  if (pidfd === undefined) throw new SetupError("the monitor of the container is gone");
  const nothing = openSync("/dev/null", "r+");
  try {
    for (const relayed of ports) {
      const target = relayTarget(relayed);
      const bytes = Buffer.from(ipBytes(target.address)).toString("hex");
      const pid = spawnProcess({
        path: builtFile(`relay-${process.arch}`),
        argv: ["mdocker-relay", relayed.port.protocol, bytes, String(target.port)],
        fds: new Map([
          [0, nothing],
          [1, nothing],
          [2, nothing],
          [3, relayed.socket],
          [4, pidfd],
        ]),
      });
      // It has left a child behind and ended.
      reap(pid, false);
    }
  } finally {
    closeSync(nothing);
    closeSync(pidfd);
  }
}
