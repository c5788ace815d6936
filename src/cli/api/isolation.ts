import type { RunRequest } from "../../container/request.ts";
import { UsageError } from "../../core/errors.ts";
import type { HostConfigBody } from "../../supervisor/translate/body.ts";
import { field } from "../number.ts";
import type { Collected } from "./collect.ts";

/** Docker's own size of /dev/shm, which is also ours. */
const usualShm = 64 * 1024 * 1024;

/** Namespaces, devices and shared memory, as the flags of the same meaning. */
export function collectIsolation(collected: Collected, host: HostConfigBody): void {
  collected.add("pid", "HostConfig.PidMode", host.PidMode);
  collected.add("ipc", "HostConfig.IpcMode", host.IpcMode);
  collected.add("uts", "HostConfig.UTSMode", host.UTSMode);
  collected.add("cgroupns", "HostConfig.CgroupnsMode", host.CgroupnsMode);
  collected.add("userns", "HostConfig.UsernsMode", host.UsernsMode);
  for (const { PathOnHost, PathInContainer, CgroupPermissions } of host.Devices ?? []) {
    const [source, target] = [PathOnHost ?? "", PathInContainer ?? ""];
    const access = CgroupPermissions ?? "";
    const text = [source, target === "" ? source : target, access === "" ? "rwm" : access].join(":");
    collected.add("device", "HostConfig.Devices", text);
  }
  collected.addAll("device-cgroup-rule", "HostConfig.DeviceCgroupRules", host.DeviceCgroupRules);
  const shm = host.ShmSize ?? 0;
  if (shm < 0) throw new UsageError("HostConfig.ShmSize: SHM size can not be less than 0");
  if (shm !== 0 && shm !== usualShm) collected.add("shm-size", "HostConfig.ShmSize", shm);
}

function paths(name: string, given: readonly string[] | null | undefined): readonly string[] | undefined {
  for (const path of given ?? []) {
    if (!/^\/[^\0]+$/.test(path))
      throw new UsageError(`HostConfig.${name}: ${JSON.stringify(path)}: expected absolute paths`);
  }
  return given ?? undefined;
}

/** Paths in the place of the usual ones: only the API has them. @throws UsageError */
export function systemPathsOf(host: HostConfigBody): Pick<RunRequest, "maskedPaths" | "readonlyPaths"> {
  return {
    ...field("maskedPaths", paths("MaskedPaths", host.MaskedPaths)),
    ...field("readonlyPaths", paths("ReadonlyPaths", host.ReadonlyPaths)),
  };
}
