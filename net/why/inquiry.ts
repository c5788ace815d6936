import type { Network } from "../network.ts";
import type { Mapping } from "./checks/nat.ts";
import type { Protocol } from "./flow.ts";
import type { Hop } from "./hop.ts";
import type { Given } from "./station.ts";

/** A network namespace that may be on the path, before anything in it was looked at. */
export interface Participant {
  readonly name: string;
  readonly kind: "host" | "container";
  readonly pid: number;
  /** Open file of its network namespace. */
  readonly netns: number;
  readonly given: readonly Given[];
}

/** What is asked. */
export interface Inquiry {
  readonly owner: string;
  readonly networks: readonly Network[];
  readonly mappings: readonly Mapping[];
  readonly host: Participant;
  readonly from: Participant;
  /** It comes in from outside, to the host: `from` is the host then, and no packet can be sent. */
  readonly outside?: boolean | undefined;
  /** Absent: an address that is neither a container's nor the host's, as far as is known. */
  readonly to: Participant | undefined;
  /** All other containers that run. */
  readonly others: readonly Participant[];
  readonly protocol: Protocol;
  readonly destination: string;
  /** What was found out about the name by which it was called. */
  readonly name?: Hop | undefined;
  readonly port?: number | undefined;
}
