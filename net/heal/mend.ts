import type { ProcessIdentity } from "../../src/sys/process.ts";
import type { Uplink } from "../driver/driver.ts";
import type { Endpoint } from "../endpoint.ts";
import type { Changes, Iptables } from "../iptables.ts";
import type { Network } from "../network.ts";
import type { NetlinkStep } from "../step.ts";
import type { Sysctl } from "../sysctl.ts";

/** A network that is up, as its marker tells. */
export interface WantedNetwork {
  readonly network: Network;
  readonly mtu: number;
  /** No container has an address of it: its bridge may be missing, the next start makes it. */
  readonly idle: boolean;
}

/** An interface of a container that runs. */
export interface WantedEndpoint {
  readonly endpoint: Endpoint;
  /** The container's name, for people. */
  readonly container: string;
  /** The container's pid 1, whose network namespace has the inner end. */
  readonly holder: ProcessIdentity;
  /** Unplugged on purpose (`network impair --down`): whether it is up is not looked at. */
  readonly unplugged: boolean;
  /** Whether it is still so: who disconnects it, or ends it, notes that before he acts. */
  readonly stays: () => boolean;
  /** Called when its link was made anew: does to that what was done to the old one. @throws when the kernel will not */
  readonly remade: () => void;
}

/** How something is put right. */
export type Act =
  | { readonly kind: "steps"; readonly steps: readonly NetlinkStep[] }
  | { readonly kind: "inside"; readonly steps: readonly NetlinkStep[]; readonly endpoint: WantedEndpoint }
  | { readonly kind: "sysctl"; readonly sysctl: Sysctl }
  | { readonly kind: "endpoint"; readonly endpoint: WantedEndpoint }
  | { readonly kind: "uplink"; readonly network: Network; readonly uplink: Uplink }
  | { readonly kind: "stray"; readonly name: string; readonly alias: string }
  | { readonly kind: "rules"; readonly iptables: Iptables; readonly changes: Changes }
  /** Somebody else's link is in the way: only he can tell what is to become of it. */
  | { readonly kind: "none"; readonly advice: string };

/** One thing that is not as it shall be, and how it is put right. */
export interface Mend {
  /** The same whenever the same thing is wrong. */
  readonly key: string;
  /** Name of the network; absent for what all share. */
  readonly network?: string | undefined;
  readonly container?: string | undefined;
  /** What was found, a line each: `bridge mdocker0 was down`. */
  readonly faults: readonly string[];
  readonly act: Act;
}

/** What came of it. */
export interface Healing {
  readonly mended: readonly Mend[];
  readonly failed: readonly { readonly mend: Mend; readonly why: string }[];
}
