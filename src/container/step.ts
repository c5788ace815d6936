import type { CgroupAction } from "../../cgroup/action.ts";
import type { Network } from "../../net/network.ts";
import type { Routes } from "../../net/way-out.ts";
import type { Attachment } from "../core/network-request.ts";

/** One interface to be made: the `number`th of the container. */
export interface Connection {
  readonly network: Network;
  readonly attachment: Attachment;
  readonly number: number;
  /** Which default routes of the container lead by it. */
  readonly routes: Routes;
}

/** The steps of a start, as data. `perform` does them, `describe` explains them; both see the same list. */
export type StartStep =
  /** Takes ports of the host. */
  | { readonly kind: "ports" }
  | { readonly kind: "reserve" }
  | { readonly kind: "files" }
  | { readonly kind: "layers" }
  | { readonly kind: "cgroup"; readonly first: boolean; readonly action: CgroupAction }
  | { readonly kind: "launch" }
  | { readonly kind: "lease"; readonly connection: Connection }
  | { readonly kind: "network"; readonly connection: Connection }
  | { readonly kind: "names"; readonly connection: Connection }
  | { readonly kind: "born" }
  | { readonly kind: "connect"; readonly connection: Connection }
  /** Leads the ports to the container. */
  | { readonly kind: "publish" }
  | { readonly kind: "loopback" }
  | { readonly kind: "hosts" }
  | { readonly kind: "record" }
  | { readonly kind: "go" };
