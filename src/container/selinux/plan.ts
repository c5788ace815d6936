import { writeFileSync } from "node:fs";
import { hasErrno, SetupError, UsageError } from "../../core/errors.ts";
import type { Instance } from "../../core/paths.ts";
import { type LabelOptions, type Labels, labelsFor, readContainerContexts } from "../../security/selinux.ts";
import type { JoinedNamespaces } from "../joined-namespaces.ts";
import type { RunRequest } from "../request.ts";
import { readSpec } from "../store.ts";
import { claimLevel, peekLevel } from "./claim.ts";
import { refuseHostDirectory } from "./relabel.ts";

/** The labels of the containers whose processes or IPC are shared: all the same, or it would not work. */
function labelsOfJoined(instance: Instance, { modes }: JoinedNamespaces): Labels | "none" | undefined {
  const ids = [modes.pid, modes.ipc].flatMap((mode) =>
    mode?.startsWith("container:") === true ? [mode.slice("container:".length)] : [],
  );
  const found = [...new Set(ids)].map((id): Labels => {
    const { process, linux } = readSpec(instance, id);
    return { process: process.selinuxLabel ?? "", mount: linux.mountLabel ?? "" };
  });
  const [first, second] = found;
  if (first === undefined) return undefined;
  if (second !== undefined && second.process !== first.process)
    throw new UsageError("--pid, --ipc: the containers have different labels of SELinux: expected the same");
  return first.process === "" ? "none" : first;
}

/** The kernel says whether its policy has such a context (selinuxfs, `context`). @throws UsageError */
function expectKnown(label: string): void {
  try {
    writeFileSync("/sys/fs/selinux/context", label);
  } catch (error) {
    if (!hasErrno(error, "EINVAL")) throw error;
    throw new UsageError(
      `--security-opt label=...: ${label}: expected a context that the policy of this host has`,
    );
  }
}

/**
 * The labels of a container on a host with SELinux: those of the policy, unless who may do everything, or who shares
 * processes or IPC with the host, has none (as docker and podman have it); undefined for none.
 * @param peek Nothing is claimed.
 * @throws SetupError, UsageError
 */
export function planLabels(
  instance: Instance,
  id: string,
  request: Pick<RunRequest, "privileged" | "mounts">,
  options: LabelOptions,
  { namespaces, peek }: { readonly namespaces: JoinedNamespaces | undefined; readonly peek: boolean },
): Labels | undefined {
  if (options.disabled) return undefined;
  for (const mount of request.mounts)
    if (mount.kind === "bind" && mount.relabel !== undefined) refuseHostDirectory(mount.source);
  if (!options.given) {
    const { pid, ipc } = namespaces?.modes ?? {};
    if (request.privileged || pid === "host" || ipc === "host") return undefined;
    const joined = namespaces === undefined ? undefined : labelsOfJoined(instance, namespaces);
    if (joined !== undefined) return joined === "none" ? undefined : joined;
  }
  const contexts = readContainerContexts();
  if (contexts === undefined) {
    if (!options.given) return undefined;
    throw new SetupError(
      "--security-opt: label: the policy of this host has no contexts for containers: install container-selinux (/etc/selinux/POLICY/contexts/lxc_contexts)",
    );
  }
  const labels = labelsFor(contexts, options, () =>
    peek ? peekLevel(instance, id) : claimLevel(instance, id),
  );
  if (options.given) for (const label of [labels.process, labels.mount]) expectKnown(label);
  return labels;
}
