/** What an interface has counted since it was made. */
export interface GraphCounters {
  readonly rxPackets: number;
  readonly txPackets: number;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly dropped: number;
}

/** `up` and with carrier, up without, `down`, or not there at all. */
export type GraphState = "up" | "no-carrier" | "down" | "missing";

/** A link of the host: a bridge, or one that leads outside. */
export interface GraphLink {
  readonly name: string;
  readonly state: GraphState;
  /** With prefix lengths. */
  readonly addresses: readonly string[];
  readonly mtu: number;
  readonly counters: GraphCounters;
  /** What its queues do to packets that leave by it. */
  readonly impairments: readonly string[];
}

/** A container's interface on a network, seen from both ends of its cable. */
export interface GraphEndpoint {
  readonly container: string;
  readonly id: string;
  readonly ifname: string;
  readonly state: GraphState;
  readonly addresses: readonly string[];
  readonly mac: string;
  /** The cable's end on the host; absent where the driver has none. */
  readonly hostEnd?:
    | { readonly name: string; readonly state: GraphState; readonly attached: boolean }
    | undefined;
  readonly mtu: number;
  /** As the container counts. */
  readonly counters: GraphCounters;
  /** Of what leaves the container, and of what comes to it. */
  readonly impairments: { readonly out: readonly string[]; readonly in: readonly string[] };
  /** `127.0.0.1:8080->80/tcp` */
  readonly ports: readonly string[];
  readonly defaultRoute: boolean;
}

/** A network that is up or has containers. */
export interface GraphNetwork {
  readonly name: string;
  readonly driver: string;
  readonly subnets: readonly string[];
  readonly internal: boolean;
  readonly icc: boolean;
  readonly masquerade: boolean;
  readonly bridge?: GraphLink | undefined;
  readonly endpoints: readonly GraphEndpoint[];
}

/** The live map: what is connected to what. */
export interface Graph {
  readonly networks: readonly GraphNetwork[];
  /** Links of the host that lead outside. */
  readonly uplinks: readonly (GraphLink & { readonly gateway?: string | undefined })[];
  readonly forwarding: boolean;
  /** Containers that are on no network: `none`, or the host's own. */
  readonly others: readonly { readonly container: string; readonly kind: string }[];
}
