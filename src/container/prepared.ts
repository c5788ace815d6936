import type { CgroupAction } from "../../cgroup/action.ts";
import type { CgroupHost } from "../../cgroup/host.ts";
import type { OverlayPlan } from "../../overlay/layers.ts";
import type { IdMap } from "../core/id-ranges.ts";
import type { OciSpec } from "../core/oci.ts";
import type { Instance } from "../core/paths.ts";
import type { Program } from "../program/step.ts";
import type { Publishing } from "./publishing.ts";
import type { RunRequest } from "./request.ts";
import type { Connection } from "./step.ts";

/** A container thought through: everything known that can be known before anything is done. */
export interface Prepared {
  readonly instance: Instance;
  readonly id: string;
  readonly request: RunRequest;
  /** Image reference or root directory, as the user named it. */
  readonly image: string;
  /** Lowest first. */
  readonly layers: readonly string[];
  readonly overlay: OverlayPlan;
  readonly spec: OciSpec;
  readonly program: Program;
  readonly cgroup: {
    readonly host: CgroupHost;
    readonly path: string;
    readonly actions: readonly CgroupAction[];
    /** v2: the directory that the child is born in. */
    readonly directory: string | undefined;
  };
  /** The compiled filter; undefined: none. */
  readonly seccomp: { readonly filter: Uint8Array; readonly name: string } | undefined;
  /** The signal that asks the command to end: the request's, else the image's. */
  readonly stopSignal: string | undefined;
  readonly connections: readonly Connection[];
  /** What is published, and the connection that it leads to; undefined: nothing. */
  readonly publishing: Publishing | undefined;
  /** `80/tcp`: of the request and the image. */
  readonly exposed: readonly string[];
  /** Host directories to be made for -v and named volumes. */
  readonly directories: readonly string[];
  /** One line each: what the host cannot give as asked. */
  readonly notes: readonly string[];
  /** The ids of its own users on the host; undefined: they are the host's. */
  readonly ids?: IdMap | undefined;
}
