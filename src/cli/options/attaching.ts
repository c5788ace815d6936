import { UsageError } from "../../core/errors.ts";
import { type Flags, refuse } from "../flags.ts";
import type { OptionTable } from "../option-row.ts";

const streamNames = ["stdin", "stdout", "stderr"] as const;
type AttachedStream = (typeof streamNames)[number];

export const attachingOptions: OptionTable = {
  heading: "Command:",
  rows: [
    { flags: "-a, --attach <stream>", about: "be connected to stdin, stdout or stderr only" },
    {
      flags: "--sig-proxy",
      about: "pass signals on (the default); without, Ctrl-C leaves the container",
      negatable: true,
    },
    { flags: "--detach-keys <keys>", about: "leave the container by these, such as ctrl-p,ctrl-q" },
  ],
};

/** How a user is connected to a container that can be left: it lives on its own. */
export interface Attaching {
  /** Undefined: to all that there are. */
  readonly streams: readonly AttachedStream[] | undefined;
  readonly sigProxy: boolean;
  readonly detachKeys: string | undefined;
}

/** Undefined when nothing of it was asked for: then the container belongs to the run. @throws UsageError */
export async function readAttaching(flags: Flags): Promise<Attaching | undefined> {
  const named = flags.all("attach");
  const [sigProxy, keys] = [flags.flag("sig-proxy") ?? true, flags.one("detach-keys")];
  if (named.length === 0 && sigProxy && keys === undefined) return undefined;
  const streams = named.map((given) => {
    const name = given.value.toLowerCase();
    return streamNames.find((one) => one === name) ?? refuse(given, "stdin, stdout or stderr");
  });
  if (keys !== undefined) {
    const { parseDetachKeys } = await import("../../core/detach-keys.ts");
    parseDetachKeys(keys.value);
  }
  if (flags.flag("detach") === true) {
    const from = named[0]?.from ?? keys?.from ?? "--sig-proxy";
    throw new UsageError(`${from} and -d contradict: nobody is connected to what is detached`);
  }
  return { streams: named.length === 0 ? undefined : streams, sigProxy, detachKeys: keys?.value };
}
