import { readFileSync } from "node:fs";
import { hasErrno } from "../../src/core/errors.ts";
import type { Instance } from "../../src/core/paths.ts";
import type { Network } from "../network.ts";
import { applySysctl, type Sysctl } from "../sysctl.ts";
import { isLoopback, type Publication } from "./publication.ts";
import { type PortsFile, readPorts, writePorts } from "./state.ts";

/** The setting without which the kernel lets nothing go from 127.0.0.1 to a container. */
export function localnetOf({ bridge }: Pick<Network, "bridge">): Sysctl {
  return {
    path: `net/ipv4/conf/${bridge}/route_localnet`,
    value: "1",
    reason: "the host's own 127.0.0.1 may lead to a container; what it was is noted and put back",
  };
}

/** True when some port of it is reached by the host's localhost. */
export function usesLocalnet({ ports }: Pick<Publication, "ports">): boolean {
  return ports.some(({ hostAddress }) => isLoopback(hostAddress) || hostAddress === "0.0.0.0");
}

function present(path: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${path}`, "utf8").trim();
  } catch (error) {
    // The bridge is gone, and its settings with it.
    if (hasErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/**
 * Gives the bridges of these networks route_localnet where what is published on them needs it, and puts it back to what
 * it was where nothing does any more. Returns the file with what was noted.
 */
export function settleLocalnet(file: PortsFile, networks: readonly Network[]): PortsFile {
  const localnet = { ...file.localnet };
  for (const network of networks) {
    const { bridge, name } = network;
    const wanted = localnetOf(network);
    const needed = file.entries.some(
      (entry) => entry.published && entry.network === name && usesLocalnet(entry),
    );
    const now = present(wanted.path);
    const before = localnet[bridge];
    if (needed && now !== undefined) {
      if (before === undefined) localnet[bridge] = now;
      applySysctl(wanted, undefined);
    } else if (!needed && before !== undefined) {
      // One that somebody has changed since then stays.
      if (now === wanted.value) applySysctl({ ...wanted, value: before }, undefined);
      delete localnet[bridge];
    }
  }
  return { ...file, localnet };
}

/**
 * Gives a bridge that was made anew what the ports published on it need: after somebody has deleted it, say. The caller
 * holds the networks' lock.
 */
export function restoreLocalnet(instance: Instance, network: Network): void {
  const file = readPorts(instance);
  if (!file.entries.some((entry) => entry.network === network.name)) return;
  writePorts(instance, settleLocalnet(file, [network]));
}
