import { randomBytes } from "node:crypto";
import { NotSupportedError } from "../../supervisor/http/errors.ts";
import type { CreateBody, HostConfigBody, MountBody } from "../../supervisor/translate/body.ts";
import { type Collected, pair } from "./collect.ts";

/** Options of a bind that change nothing here: hints to file sharing of other systems. */
const harmless: ReadonlySet<string> = new Set(["cached", "delegated", "consistent"]);

function anonymous(): string {
  return randomBytes(32).toString("hex");
}

function bindText(bind: string): string {
  const [source = "", target = "", options] = bind.split(":");
  if (options === undefined || bind.split(":").length !== 3) return bind;
  const left = options.split(",").filter((option) => !harmless.has(option));
  return left.length === 0 ? `${source}:${target}` : `${source}:${target}:${left.join(",")}`;
}

function mountText(mount: MountBody): string {
  const type = mount.Type ?? "volume";
  const { Propagation, NonRecursive } = mount.BindOptions ?? {};
  if (NonRecursive === true)
    throw new NotSupportedError("BindOptions.NonRecursive is not supported: binds are recursive");
  const { Labels, DriverConfig, NoCopy } = mount.VolumeOptions ?? {};
  if (Object.keys(Labels ?? {}).length > 0 || !["", "local"].includes(DriverConfig?.Name ?? ""))
    throw new NotSupportedError("VolumeOptions are not supported: create the volume before");
  const source = type === "volume" && (mount.Source ?? "") === "" ? anonymous() : (mount.Source ?? "");
  const { SizeBytes, Mode } = mount.TmpfsOptions ?? {};
  return [
    pair("type", type),
    ...(type === "tmpfs" ? [] : [pair("source", source)]),
    pair("target", mount.Target ?? ""),
    ...(mount.ReadOnly === true ? ["readonly"] : []),
    ...(type === "volume" && NoCopy === true ? ["volume-nocopy"] : []),
    ...((Propagation ?? "") === "" ? [] : [pair("bind-propagation", Propagation ?? "")]),
    ...(type === "tmpfs" && (SizeBytes ?? 0) !== 0 ? [`tmpfs-size=${SizeBytes}`] : []),
    ...(type === "tmpfs" && (Mode ?? 0) !== 0 ? [`tmpfs-mode=${(Mode ?? 0).toString(8)}`] : []),
  ].join(",");
}

/** The paths that are mounted by `Binds`, `Mounts` and `Tmpfs`. */
function targets(host: HostConfigBody): string[] {
  return [
    ...(host.Binds ?? []).map((bind) => bind.split(":")[1] ?? ""),
    ...(host.Mounts ?? []).map(({ Target }) => Target ?? ""),
    ...Object.keys(host.Tmpfs ?? {}),
  ];
}

/** All that is mounted: binds, volumes (with and without a name), and tmpfs. */
export function collectMounts(collected: Collected, body: CreateBody, host: HostConfigBody): void {
  collected.addAll("volume", "HostConfig.Binds", host.Binds?.map(bindText));
  collected.addAll("mount", "HostConfig.Mounts", host.Mounts?.map(mountText));
  for (const [target, options] of Object.entries(host.Tmpfs ?? {}))
    collected.add("tmpfs", "HostConfig.Tmpfs", options === "" ? target : `${target}:${options}`);
  const taken = targets(host);
  for (const target of Object.keys(body.Volumes ?? {})) {
    // The compose clients repeat here what Binds has.
    if (!taken.includes(target)) collected.add("volume", "Volumes", `${anonymous()}:${target}`);
  }
}
