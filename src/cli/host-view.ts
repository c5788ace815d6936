import { resolve } from "node:path";
import type { Given } from "./flags.ts";

/** What the flags of a command line may look at on the host. */
export interface HostView {
  readonly env: NodeJS.ProcessEnv;
  /** Relative paths count from here. */
  readonly cwd: string;
  /** Whether stdin and stdout are terminals. */
  readonly stdin: boolean;
  readonly stdout: boolean;
  /** The text of a file. Throws Node's error. */
  readonly readText: (path: string) => string;
  /** The numbers of a block device, or undefined when `path` is not one. */
  readonly blockDevice: (path: string) => { readonly major: number; readonly minor: number } | undefined;
}

/** A host path the user gave, absolute: relative ones count from the config file, else from where we are. */
export function hostPath(given: Given, view: HostView, path: string = given.value): string {
  return resolve(given.directory ?? view.cwd, path);
}
