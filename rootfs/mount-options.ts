import { UsageError } from "../src/core/errors.ts";
import { mountFlags } from "../src/program/flags.ts";

type Change = { readonly set: number } | { readonly clear: number };

/** Options of mount(8) that are flags of mount(2); what is not here is data for the filesystem. */
const known: Readonly<Record<string, Change>> = {
  ro: { set: mountFlags.MS_RDONLY },
  rw: { clear: mountFlags.MS_RDONLY },
  nosuid: { set: mountFlags.MS_NOSUID },
  suid: { clear: mountFlags.MS_NOSUID },
  nodev: { set: mountFlags.MS_NODEV },
  dev: { clear: mountFlags.MS_NODEV },
  noexec: { set: mountFlags.MS_NOEXEC },
  exec: { clear: mountFlags.MS_NOEXEC },
  sync: { set: mountFlags.MS_SYNCHRONOUS },
  noatime: { set: mountFlags.MS_NOATIME },
  nodiratime: { set: mountFlags.MS_NODIRATIME },
  relatime: { set: mountFlags.MS_RELATIME },
  strictatime: { set: mountFlags.MS_STRICTATIME },
  remount: { set: mountFlags.MS_REMOUNT },
  bind: { set: mountFlags.MS_BIND },
  // Where users are the container's own, src/container/users; else they are those of the disk anyway.
  idmap: { set: 0 },
  rbind: { set: mountFlags.MS_BIND | mountFlags.MS_REC },
};

const propagations: Readonly<Record<string, number>> = {
  private: mountFlags.MS_PRIVATE,
  rprivate: mountFlags.MS_PRIVATE | mountFlags.MS_REC,
  slave: mountFlags.MS_SLAVE,
  rslave: mountFlags.MS_SLAVE | mountFlags.MS_REC,
  shared: mountFlags.MS_SHARED,
  rshared: mountFlags.MS_SHARED | mountFlags.MS_REC,
};

/** Mount options taken apart. */
export interface MountOptions {
  readonly flags: number;
  readonly propagation: number | undefined;
  /** What is left for the filesystem: `mode=755,size=64m`. */
  readonly data: string;
}

/**
 * Takes the options of an OCI mount apart. A comma inside one option is refused: it would become two.
 * @throws UsageError naming the option.
 */
export function parseMountOptions(options: readonly string[]): MountOptions {
  let flags = 0;
  let propagation: number | undefined;
  const data: string[] = [];
  for (const option of options) {
    if (option.includes(","))
      throw new UsageError(`mount option ${option}: expected one option without a comma`);
    const change = known[option];
    if (change !== undefined) {
      flags = "set" in change ? flags | change.set : flags & ~change.clear;
    } else if (propagations[option] !== undefined) {
      propagation = propagations[option];
    } else if (option !== "") {
      data.push(option);
    }
  }
  return { flags, propagation, data: data.join(",") };
}
