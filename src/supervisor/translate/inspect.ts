import { resolveImage } from "../../../rootfs/image-store.ts";
import type { ContainerRecord } from "../../container/record.ts";
import type { HealthRequest, RunRequest } from "../../container/request.ts";
import { measureContainers } from "../../container/size.ts";
import { containerPaths, readSpec } from "../../container/store.ts";
import { MdockerError } from "../../core/errors.ts";
import type { OciSpec } from "../../core/oci.ts";
import type { Instance } from "../../core/paths.ts";
import { describeHostConfig } from "./host-config.ts";
import { describeMounts } from "./mounts.ts";
import { describeEndpoints } from "./networks.ts";
import { describeExposed, describePortMap } from "./ports.ts";
import { describeState } from "./state.ts";

const nanosecondsPerMillisecond = 1e6;

/** The id of the image that a container was made from; empty when it is not there any more, or was a directory. */
export function imageIdOf(instance: Instance, { image }: ContainerRecord): string {
  try {
    return resolveImage(instance, image)?.id ?? "";
  } catch (error) {
    if (error instanceof MdockerError) return "";
    throw error;
  }
}

/** The image as it was named when the container was made. */
export function imageName({ image }: ContainerRecord, request: RunRequest | undefined): string {
  return request?.root.kind === "image" ? request.root.reference : image;
}

function describeHealthcheck({ test, intervalMs, timeoutMs, startPeriodMs, retries }: HealthRequest): object {
  return {
    Test: test,
    Interval: intervalMs * nanosecondsPerMillisecond,
    Timeout: timeoutMs * nanosecondsPerMillisecond,
    StartPeriod: startPeriodMs * nanosecondsPerMillisecond,
    Retries: retries,
  };
}

function describeConfig(
  record: ContainerRecord,
  request: RunRequest | undefined,
  spec: OciSpec | undefined,
): object {
  const interactive = request?.interactive ?? false;
  const exposed = describeExposed(record);
  const terminal = request?.terminal ?? spec?.process.terminal ?? false;
  return {
    Hostname: spec?.hostname ?? "",
    Domainname: "",
    User: request?.user ?? "",
    AttachStdin: interactive,
    AttachStdout: true,
    AttachStderr: true,
    ...(exposed === undefined ? {} : { ExposedPorts: exposed }),
    Tty: terminal,
    OpenStdin: interactive,
    StdinOnce: request?.stdinOnce ?? false,
    Env: spec?.process.env ?? request?.env ?? [],
    Cmd: request === undefined || request.args.length === 0 ? record.command : request.args,
    Image: imageName(record, request),
    Volumes: null,
    WorkingDir: spec?.process.cwd ?? request?.cwd ?? "",
    Entrypoint: request?.entrypoint ?? null,
    OnBuild: null,
    Labels: record.labels,
    ...(request?.stopSignal === undefined ? {} : { StopSignal: request.stopSignal }),
    ...(request?.stopTimeout === undefined ? {} : { StopTimeout: request.stopTimeout }),
    ...(request?.health === undefined ? {} : { Healthcheck: describeHealthcheck(request.health) }),
  };
}

/** The OCI document of a container, which one that is just being made does not have yet. */
function specOf(instance: Instance, id: string): OciSpec | undefined {
  try {
    return readSpec(instance, id);
  } catch (error) {
    if (error instanceof MdockerError) return undefined;
    throw error;
  }
}

function sizes(instance: Instance, record: ContainerRecord): object {
  const size = measureContainers(instance, [record]).get(record.id);
  return { SizeRw: size?.writable ?? 0, SizeRootFs: size?.whole ?? 0 };
}

interface InspectOptions {
  readonly withSize: boolean;
  readonly execs: readonly string[];
  /** Minor number of the API's version that the client speaks; absent: the newest. */
  readonly api?: number | undefined;
}

/** GET /containers/ID/json: all that is known of a container, as docker has it. */
export async function describeContainer(
  instance: Instance,
  record: ContainerRecord,
  request: RunRequest | undefined,
  { withSize, execs, api }: InspectOptions,
): Promise<object> {
  const { id, name, command } = record;
  const { directory, etc } = containerPaths(instance, id);
  const spec = specOf(instance, id);
  const networks = await describeEndpoints(instance, record, { hostname: spec?.hostname, api });
  const [first = {}] = Object.values(networks);
  const {
    Gateway = "",
    IPAddress = "",
    IPPrefixLen = 0,
    IPv6Gateway = "",
    GlobalIPv6Address = "",
    GlobalIPv6PrefixLen = 0,
    MacAddress = "",
  } = first as Readonly<Record<string, unknown>>;
  const runs = record.state === "running" || record.state === "paused";
  return {
    Id: id,
    Created: record.created,
    Path: command[0] ?? "",
    Args: command.slice(1),
    State: describeState(record),
    Image: imageIdOf(instance, record),
    ResolvConfPath: `${etc}/resolv.conf`,
    HostnamePath: `${etc}/hostname`,
    HostsPath: `${etc}/hosts`,
    LogPath: record.foreground || request?.log?.driver === "none" ? "" : `${directory}/${id}-json.log`,
    Name: `/${name}`,
    RestartCount: record.restartCount ?? 0,
    Driver: "overlay2",
    Platform: "linux",
    MountLabel: spec?.linux.mountLabel ?? "",
    ProcessLabel: spec?.process.selinuxLabel ?? "",
    AppArmorProfile: spec?.process.apparmorProfile ?? "",
    ExecIDs: execs.length === 0 ? null : execs,
    HostConfig: describeHostConfig(record, request, spec),
    GraphDriver: {
      Name: "overlay2",
      Data: {
        LowerDir: [...record.layers].reverse().join(":"),
        MergedDir: `${directory}/merged`,
        UpperDir: `${directory}/upper`,
        WorkDir: `${directory}/work`,
      },
    },
    ...(withSize ? sizes(instance, record) : {}),
    Mounts: describeMounts(instance, request?.mounts ?? []),
    Config: describeConfig(record, request, spec),
    NetworkSettings: {
      Bridge: "",
      SandboxID: runs ? id : "",
      SandboxKey: runs && record.init !== undefined ? `/proc/${record.init.pid}/ns/net` : "",
      Ports: describePortMap(record),
      HairpinMode: false,
      LinkLocalIPv6Address: "",
      LinkLocalIPv6PrefixLen: 0,
      SecondaryIPAddresses: null,
      SecondaryIPv6Addresses: null,
      EndpointID: "",
      Gateway,
      GlobalIPv6Address,
      GlobalIPv6PrefixLen,
      IPAddress,
      IPPrefixLen,
      IPv6Gateway,
      MacAddress,
      Networks: networks,
    },
  };
}
