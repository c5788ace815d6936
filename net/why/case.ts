import type { Network } from "../network.ts";
import type { Mapping } from "./checks/nat.ts";
import type { Listener } from "./listeners.ts";
import type { Scene, Way } from "./way.ts";

/** What is asked, and all that is known to answer it. */
export interface Case {
  readonly scene: Scene;
  /** Those that the host is on, by a bridge. */
  readonly networks: readonly Network[];
  /** Prefix of the instance: begins the names of its chains. */
  readonly owner: string;
  /** Published ports as they are meant to be. */
  readonly mappings: readonly Mapping[];
  /** Sockets that wait where the packet arrives. */
  readonly listeners: readonly Listener[];
  /** For a port of the host that nobody has: the containers that listen on one of that number. */
  readonly containerListeners: readonly { readonly container: string; readonly listener: Listener }[];
  /** The way there, and the way of the answer as far as it can be seen. */
  readonly there: Way;
  readonly back: Way | undefined;
}

/** A network by its bridge. */
export function networkOfBridge({ networks }: Case, bridge: string | undefined): Network | undefined {
  return networks.find((network) => network.bridge === bridge);
}
