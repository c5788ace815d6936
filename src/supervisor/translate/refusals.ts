import { NotSupportedError } from "../http/errors.ts";

/** A field that changes what a container is, and what it may be: nothing at all, or one of these values. */
interface Refusal {
  readonly fields: string;
  readonly allowed: readonly unknown[];
  readonly why: string;
}

const configRefusals: readonly Refusal[] = [
  { fields: "Domainname", allowed: [], why: "a container has a host name and no NIS domain here" },
];

const hostRefusals: readonly Refusal[] = [
  { fields: "VolumesFrom", allowed: [], why: "name the volumes of the other container instead" },
  { fields: "VolumeDriver", allowed: ["local"], why: "volumes are directories of this host" },
  { fields: "Links", allowed: [], why: "connect the containers by a network instead" },
  { fields: "DeviceRequests", allowed: [], why: "there are no device drivers here: name Devices instead" },
  { fields: "CgroupParent Cgroup", allowed: [], why: "a container's cgroup lies where all of them lie" },
  { fields: "StorageOpt", allowed: [], why: "the writable layer has no options" },
  { fields: "Runtime", allowed: ["mdocker"], why: "there is one runtime here" },
  { fields: "Isolation", allowed: ["default", "process"], why: "this is Linux" },
  { fields: "KernelMemory KernelMemoryTCP", allowed: [], why: "kernel memory counts as memory" },
  { fields: "Annotations", allowed: [], why: "containers have labels" },
];

/** Nothing was asked for: absent, null, zero, false, empty. */
function isNothing(value: unknown): boolean {
  if (value === null || value === undefined || value === "" || value === 0 || value === false) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

function refuse(body: object, refusals: readonly Refusal[], where: string): void {
  const values: Readonly<Record<string, unknown>> = { ...body };
  for (const { fields, allowed, why } of refusals) {
    for (const name of fields.split(" ")) {
      const value = values[name];
      if (!isNothing(value) && !allowed.includes(value))
        throw new NotSupportedError(`${where}${name} is not supported: ${why}`);
    }
  }
}

/**
 * Refuses what a body of POST /containers/create asks for and mdocker cannot do. Taken without a word are fields that
 * change nothing here: Attach*, ConsoleSize, ContainerIDFile, OnBuild, Shell, ArgsEscaped, and those of
 * Windows.
 * @throws NotSupportedError
 */
export function refuseUnsupported(body: { readonly HostConfig?: object | null | undefined }): void {
  refuse(body, configRefusals, "");
  refuse(body.HostConfig ?? {}, hostRefusals, "HostConfig.");
}
