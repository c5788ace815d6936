import type { RootRequest } from "../../container/request.ts";
import { type Flags, refuse, refuseBoth } from "../flags.ts";
import { type HostView, hostPath } from "../host-view.ts";
import type { OptionTable } from "../option-row.ts";

export const rootOptions: OptionTable = {
  heading: "Container:",
  rows: [
    { flags: "--rootfs <dir>", about: "start from an unpacked root filesystem instead of an image" },
    { flags: "--pull <when>", about: "fetch the image", choices: ["never", "missing", "always"] },
    { flags: "--config <file>", about: "take what is not on the command line from a YAML or KEY=VALUE file" },
    { flags: "--read-only", about: "mount the root filesystem read-only" },
  ],
};

/** The image that is made from this host's own programs. */
const defaultImage = "lab";

function isPull(value: string): value is "never" | "missing" | "always" {
  return value === "never" || value === "missing" || value === "always";
}

/** What remains of the words after the flags once the root is known. */
export interface FoundCommand {
  readonly root: RootRequest;
  readonly args: readonly string[];
}

/**
 * Tells the image from the command: `--rootfs` or an image of the config file leave only a command; else a first word
 * that begins with `/`, or any after `--`, is a command in the default image, and another first word is an image.
 * @throws UsageError
 */
export function readRoot(
  flags: Flags,
  words: readonly string[],
  afterDashes: boolean,
  view: HostView,
): FoundCommand {
  refuseBoth(flags, "rootfs", "image", "a container has one root");
  refuseBoth(flags, "rootfs", "pull", "a directory is not pulled");
  const [rootfs, named] = [flags.one("rootfs"), flags.one("image")];
  if (rootfs !== undefined) {
    if (rootfs.value === "" || rootfs.value.includes("\0")) refuse(rootfs, "a directory");
    return { root: { kind: "directory", path: hostPath(rootfs, view) }, args: words };
  }
  const pull = flags.one("pull") ?? { value: "missing", from: "--pull" };
  if (!isPull(pull.value)) return refuse(pull, "never, missing or always");
  const [first, ...rest] = words;
  const isCommand = named !== undefined || first === undefined || afterDashes || first.startsWith("/");
  const image = named ?? (isCommand ? undefined : { value: first, from: "image" });
  if (image !== undefined && !/^[\w[][\w.:/@[\]-]*$/.test(image.value)) {
    refuse(image, "the name of an image, or a command that begins with /");
  }
  const args = isCommand ? words : rest[0] === "--" ? rest.slice(1) : rest;
  return { root: { kind: "image", reference: image?.value ?? defaultImage, pull: pull.value }, args };
}
