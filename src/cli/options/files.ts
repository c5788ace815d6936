import type { MountRequest, RunRequest } from "../../container/request.ts";
import { UsageError } from "../../core/errors.ts";
import { type Flags, type Given, refuse } from "../flags.ts";
import type { HostView } from "../host-view.ts";
import type { OptionTable } from "../option-row.ts";
import { parseMount } from "./mount.ts";
import { mountTarget, parseVolume } from "./volume.ts";

export const fileOptions: OptionTable = {
  heading: "Files:",
  rows: [
    {
      flags: "-v, --volume <[source:]target[:options]>",
      about: "mount a host path, a named volume or one without a name (ro, rslave...)",
    },
    {
      flags: "--mount <key=value,...>",
      about: "the same in words: type=bind,source=/srv,target=/srv,readonly",
    },
    { flags: "--tmpfs <target[:options]>", about: "mount a tmpfs: /run:size=64m,mode=1777" },
  ],
};

/** Options of tmpfs(5) and the per-mount flags of mount(8) that make sense on one. */
const tmpfsOption =
  /^(size=\d+[kmg%]?|nr_blocks=\d+[kmg]?|nr_inodes=\d+[kmg]?|mode=0?[0-7]{3,4}|[ug]id=\d+|rw|ro|(no)?(exec|suid|dev|atime|diratime)|relatime|strictatime)$/i;

function parseTmpfs(given: Given): MountRequest {
  const colon = given.value.indexOf(":");
  const target = mountTarget(given, colon < 0 ? given.value : given.value.slice(0, colon));
  const options = colon < 0 ? [] : given.value.slice(colon + 1).split(",");
  for (const option of options) {
    if (!tmpfsOption.test(option)) {
      refuse(given, `tmpfs options such as size=64m, mode=1777 or noexec, not ${JSON.stringify(option)}`);
    }
  }
  return { kind: "tmpfs", target, options };
}

/** The mounts asked for, and whether the root is read-only. @throws UsageError, also for two mounts on one target. */
export function readFiles(flags: Flags, view: HostView): Pick<RunRequest, "mounts" | "readOnlyRoot"> {
  const all = [
    ...flags.all("volume").map((given) => ({ given, mount: parseVolume(given, view) })),
    ...flags.all("mount").map((given) => ({ given, mount: parseMount(given, view) })),
    ...flags.all("tmpfs").map((given) => ({ given, mount: parseTmpfs(given) })),
  ];
  const byTarget = new Map<string, { given: Given; mount: MountRequest }>();
  for (const entry of all) {
    const other = byTarget.get(entry.mount.target);
    const fromFile = (given: Given): boolean => given.directory !== undefined;
    if (other !== undefined && fromFile(other.given) === fromFile(entry.given)) {
      throw new UsageError(`${entry.given.from}: ${entry.mount.target} is mounted twice`);
    }
    // The command line wins over the config file.
    if (other === undefined || fromFile(other.given)) byTarget.set(entry.mount.target, entry);
  }
  const mounts = [...byTarget.values()].map(({ mount }) => mount);
  return { mounts, readOnlyRoot: flags.flag("read-only") ?? false };
}
