import { UsageError } from "../../core/errors.ts";
import { isRootless } from "../../core/rootless.ts";
import type { RunRequest } from "../request.ts";

/**
 * Refuses what the root of a user namespace cannot have, as docker does with --userns-remap.
 * @throws UsageError
 */
export function refuseForeign(request: RunRequest): void {
  const refuse = (flag: string, why: string): never => {
    throw new UsageError(`--userns and ${flag}: ${why}: leave out one of them, or give --userns host`);
  };
  if (isRootless())
    throw new UsageError(
      "--userns: you are not root, so your containers have users of your own already: leave it out",
    );
  if (request.privileged) refuse("--privileged", "who is nobody on the host cannot do everything there");
  const { network, namespaces } = request;
  if (network.kind === "host" || network.kind === "container")
    refuse(
      `--network ${network.kind === "host" ? "host" : `container:${network.container}`}`,
      "a network belongs to the users that it was made by",
    );
  for (const [flag, mode] of [
    ["--pid", namespaces?.pid],
    ["--ipc", namespaces?.ipc],
    ["--uts", namespaces?.uts],
    ["--cgroupns", namespaces?.cgroup],
  ] as const) {
    if (mode === "host" || mode?.startsWith("container:") === true)
      refuse(`${flag} ${mode}`, "a namespace belongs to the users that it was made by");
  }
  for (const mount of request.mounts) {
    if (mount.kind === "bind" && mount.propagation !== undefined && !/^r?private$/.test(mount.propagation))
      refuse(`propagation ${mount.propagation}`, "mounts of other users are not shared");
  }
}
