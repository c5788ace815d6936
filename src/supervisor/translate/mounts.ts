import type { MountRequest } from "../../container/request.ts";
import type { Instance } from "../../core/paths.ts";

/** What is mounted, as `Mounts` of a container has it. */
export function describeMounts(instance: Instance, mounts: readonly MountRequest[]): object[] {
  return mounts.map((mount) => {
    if (mount.kind === "tmpfs")
      return { Type: "tmpfs", Source: "", Destination: mount.target, Mode: "", RW: true, Propagation: "" };
    const common = { Destination: mount.target, Mode: mount.readOnly ? "ro" : "", RW: !mount.readOnly };
    if (mount.kind === "bind")
      return { Type: "bind", Source: mount.source, ...common, Propagation: mount.propagation ?? "rprivate" };
    const source = `${instance.root}/volumes/${mount.name}/_data`;
    return { Type: "volume", Name: mount.name, Source: source, Driver: "local", ...common, Propagation: "" };
  });
}

/** Binds and named volumes as `HostConfig.Binds` has them. */
export function describeBinds(mounts: readonly MountRequest[]): string[] | null {
  const binds = mounts.flatMap((mount) =>
    mount.kind === "tmpfs"
      ? []
      : [
          `${mount.kind === "bind" ? mount.source : mount.name}:${mount.target}:${mount.readOnly ? "ro" : "rw"}`,
        ],
  );
  return binds.length === 0 ? null : binds;
}

/** The tmpfs as `HostConfig.Tmpfs` has them: options by target. */
export function describeTmpfs(mounts: readonly MountRequest[]): Readonly<Record<string, string>> | undefined {
  const found = mounts.flatMap((mount) =>
    mount.kind === "tmpfs" ? [[mount.target, mount.options.join(",")] as const] : [],
  );
  return found.length === 0 ? undefined : Object.fromEntries(found);
}
