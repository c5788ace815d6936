import type { ContainerRecord } from "../../container/record.ts";
import type { RunRequest } from "../../container/request.ts";
import { namespaceAnnotation } from "../../container/spec.ts";
import type { OciResources, OciSpec, OciThrottleDevice } from "../../core/oci.ts";
import { describeBinds, describeTmpfs } from "./mounts.ts";
import { networkMode } from "./networks.ts";
import { describePortBindings } from "./ports.ts";

const nanosecondsPerCpu = 1e9;

function nullIfEmpty<T>(list: readonly T[] | undefined): readonly T[] | null {
  return list === undefined || list.length === 0 ? null : list;
}

function rates(devices: readonly OciThrottleDevice[] | undefined): object[] | null {
  if (devices === undefined || devices.length === 0) return null;
  return devices.map(({ major, minor, rate }) => ({ Path: `/dev/block/${major}:${minor}`, Rate: rate }));
}

/** `--cpus` is kept as quota and period: docker shows the one that was asked for. */
function describeCpuTime({ cpu }: OciResources, request: RunRequest | undefined): object {
  if (request?.cpus !== undefined)
    return { CpuQuota: 0, CpuPeriod: 0, NanoCpus: Math.round(request.cpus * nanosecondsPerCpu) };
  return { CpuQuota: cpu?.quota ?? 0, CpuPeriod: cpu?.period ?? 0, NanoCpus: 0 };
}

function describeLimits({ memory, cpu, pids, blockIO }: OciResources): object {
  return {
    Memory: memory?.limit ?? 0,
    MemoryReservation: memory?.reservation ?? 0,
    MemorySwap: memory?.swap ?? 0,
    MemorySwappiness: memory?.swappiness ?? null,
    OomKillDisable: memory?.disableOOMKiller ?? null,
    CpuShares: cpu?.shares ?? 0,
    CpuRealtimePeriod: cpu?.realtimePeriod ?? 0,
    CpuRealtimeRuntime: cpu?.realtimeRuntime ?? 0,
    CpusetCpus: cpu?.cpus ?? "",
    CpusetMems: cpu?.mems ?? "",
    PidsLimit: pids?.limit ?? null,
    BlkioWeight: blockIO?.weight ?? 0,
    BlkioWeightDevice: nullIfEmpty(
      blockIO?.weightDevice?.map(({ major, minor, weight }) => ({
        Path: `/dev/block/${major}:${minor}`,
        Weight: weight,
      })),
    ),
    BlkioDeviceReadBps: rates(blockIO?.throttleReadBpsDevice),
    BlkioDeviceWriteBps: rates(blockIO?.throttleWriteBpsDevice),
    BlkioDeviceReadIOps: rates(blockIO?.throttleReadIOPSDevice),
    BlkioDeviceWriteIOps: rates(blockIO?.throttleWriteIOPSDevice),
  };
}

/** The mode of a namespace; empty for one of its own. */
function mode(
  type: "pid" | "ipc" | "uts" | "cgroup",
  spec: OciSpec | undefined,
  request: RunRequest | undefined,
): string {
  return spec?.annotations?.[namespaceAnnotation(type)] ?? request?.namespaces?.[type] ?? "";
}

/** `auto`, `UID:GID:SIZE`, or empty for the users of the host. */
function usersMode(spec: OciSpec | undefined, request: RunRequest | undefined): string {
  const asked = request?.namespaces?.user;
  if (asked === "auto") return asked;
  if (asked !== undefined) return `${asked.uid}:${asked.gid}:${asked.size}`;
  const [users, groups] = [spec?.linux.uidMappings?.[0], spec?.linux.gidMappings?.[0]];
  return users === undefined || groups === undefined ? "" : `${users.hostID}:${groups.hostID}:${users.size}`;
}

/** `HostConfig` of a container's document; of one that was run in the foreground only what its record tells. */
export function describeHostConfig(
  record: ContainerRecord,
  request: RunRequest | undefined,
  spec: OciSpec | undefined,
): object {
  const mounts = request?.mounts ?? [];
  const tmpfs = describeTmpfs(mounts);
  return {
    Binds: describeBinds(mounts),
    ContainerIDFile: "",
    LogConfig: { Type: request?.log?.driver ?? "json-file", Config: request?.log?.options ?? {} },
    NetworkMode: networkMode(record),
    PortBindings: describePortBindings(record),
    RestartPolicy: {
      Name: request?.restart?.policy ?? "no",
      MaximumRetryCount: request?.restart?.maximumRetries ?? 0,
    },
    AutoRemove: request?.autoRemove ?? !record.keep,
    VolumeDriver: "",
    VolumesFrom: null,
    ConsoleSize: [0, 0],
    CapAdd: nullIfEmpty(request?.capAdd),
    CapDrop: nullIfEmpty(request?.capDrop),
    CgroupnsMode: mode("cgroup", spec, request) || "private",
    Dns: request?.dns ?? [],
    DnsOptions: request?.dnsOptions ?? [],
    DnsSearch: request?.dnsSearch ?? [],
    ExtraHosts: nullIfEmpty(request?.extraHosts),
    GroupAdd: nullIfEmpty(request?.groups),
    IpcMode: mode("ipc", spec, request) || "private",
    Cgroup: "",
    Links: null,
    OomScoreAdj: request?.oomScoreAdj ?? 0,
    PidMode: mode("pid", spec, request),
    Privileged: request?.privileged ?? false,
    PublishAllPorts: request?.publishAll ?? false,
    ReadonlyRootfs: request?.readOnlyRoot ?? false,
    SecurityOpt: nullIfEmpty(request?.securityOptions),
    ...(tmpfs === undefined ? {} : { Tmpfs: tmpfs }),
    UTSMode: mode("uts", spec, request),
    UsernsMode: usersMode(spec, request),
    ShmSize: request?.shmSize ?? 67_108_864,
    Sysctls: request?.sysctl ?? {},
    Runtime: "mdocker",
    Isolation: "",
    CgroupParent: "",
    ...describeLimits(record.resources),
    ...describeCpuTime(record.resources, request),
    Devices: (request?.devices ?? []).map(({ source, target, access }) => {
      return { PathOnHost: source, PathInContainer: target, CgroupPermissions: access };
    }),
    DeviceCgroupRules: nullIfEmpty(
      request?.deviceRules?.map(
        ({ type = "a", major, minor, access }) =>
          `${type} ${major ?? "*"}:${minor ?? "*"} ${access ?? "rwm"}`,
      ),
    ),
    DeviceRequests: null,
    Ulimits: (request?.rlimits ?? []).map(({ type, soft, hard }) => ({
      Name: type.replace(/^RLIMIT_/, "").toLowerCase(),
      Soft: soft,
      Hard: hard,
    })),
    CpuCount: 0,
    CpuPercent: 0,
    IOMaximumIOps: 0,
    IOMaximumBandwidth: 0,
    Init: request?.init ?? null,
    MaskedPaths: spec?.linux.maskedPaths ?? null,
    ReadonlyPaths: spec?.linux.readonlyPaths ?? null,
  };
}
