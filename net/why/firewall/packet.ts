import type { Protocol } from "../flow.ts";

/** A packet as a rule sees it, at one hook. */
export interface Packet {
  readonly protocol: Protocol;
  readonly source: string;
  readonly destination: string;
  readonly sourcePort?: number | undefined;
  readonly destinationPort?: number | undefined;
  /** Link it came in by, and link it goes out by; for a bridged one the bridge. */
  readonly incoming?: string | undefined;
  readonly outgoing?: string | undefined;
  /** The bridge's ports, while a bridge passes it on. */
  readonly portIn?: string | undefined;
  readonly portOut?: string | undefined;
  /** The answer to a packet before it. */
  readonly answer: boolean;
  /** Its connection's destination was translated here; what it was before. */
  readonly translated?:
    | { readonly destination: string; readonly destinationPort?: number | undefined }
    | undefined;
  /** True for an address of the namespace's own. */
  readonly isLocal: (address: string) => boolean;
}
