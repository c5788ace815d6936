/** What clients may leave out or send as null. */
type Maybe<T> = T | null | undefined;
type Texts = Maybe<readonly string[]>;
type TextMap = Maybe<Readonly<Record<string, string>>>;

/** How a container is connected to one network. */
export interface EndpointBody {
  readonly IPAMConfig?: Maybe<{
    readonly IPv4Address?: Maybe<string>;
    readonly IPv6Address?: Maybe<string>;
    readonly LinkLocalIPs?: Texts;
  }>;
  readonly GwPriority?: Maybe<number>;
  readonly Aliases?: Texts;
  readonly Links?: Texts;
  readonly MacAddress?: Maybe<string>;
  readonly DriverOpts?: TextMap;
}

export interface MountBody {
  readonly Type?: Maybe<string>;
  readonly Source?: Maybe<string>;
  readonly Target?: Maybe<string>;
  readonly ReadOnly?: Maybe<boolean>;
  readonly BindOptions?: Maybe<{
    readonly Propagation?: Maybe<string>;
    readonly NonRecursive?: Maybe<boolean>;
  }>;
  readonly VolumeOptions?: Maybe<{
    readonly NoCopy?: Maybe<boolean>;
    readonly Labels?: TextMap;
    readonly DriverConfig?: Maybe<{ readonly Name?: Maybe<string> }>;
  }>;
  readonly TmpfsOptions?: Maybe<{ readonly SizeBytes?: Maybe<number>; readonly Mode?: Maybe<number> }>;
}

interface DeviceBody {
  readonly PathOnHost?: Maybe<string>;
  readonly PathInContainer?: Maybe<string>;
  readonly CgroupPermissions?: Maybe<string>;
}

interface WeightBody {
  readonly Path: string;
  readonly Weight: number;
}

interface RateBody {
  readonly Path: string;
  readonly Rate: number;
}

export interface HealthBody {
  readonly Test?: Texts;
  /** Nanoseconds, as all times here. */
  readonly Interval?: Maybe<number>;
  readonly Timeout?: Maybe<number>;
  readonly StartPeriod?: Maybe<number>;
  readonly Retries?: Maybe<number>;
}

export interface RestartBody {
  readonly Name?: Maybe<string>;
  readonly MaximumRetryCount?: Maybe<number>;
}

/** The limits of HostConfig, which POST /containers/ID/update has by themselves. */
export interface ResourcesBody {
  readonly Memory?: Maybe<number>;
  readonly MemoryReservation?: Maybe<number>;
  readonly MemorySwap?: Maybe<number>;
  readonly NanoCpus?: Maybe<number>;
  readonly CpuShares?: Maybe<number>;
  readonly CpuQuota?: Maybe<number>;
  readonly CpuPeriod?: Maybe<number>;
  readonly CpuRealtimeRuntime?: Maybe<number>;
  readonly CpuRealtimePeriod?: Maybe<number>;
  readonly CpusetCpus?: Maybe<string>;
  readonly CpusetMems?: Maybe<string>;
  readonly PidsLimit?: Maybe<number>;
  readonly BlkioWeight?: Maybe<number>;
  readonly MemorySwappiness?: Maybe<number>;
  readonly BlkioWeightDevice?: Maybe<readonly WeightBody[]>;
  readonly BlkioDeviceReadBps?: Maybe<readonly RateBody[]>;
  readonly BlkioDeviceWriteBps?: Maybe<readonly RateBody[]>;
  readonly BlkioDeviceReadIOps?: Maybe<readonly RateBody[]>;
  readonly BlkioDeviceWriteIOps?: Maybe<readonly RateBody[]>;
}

interface PortBindingBody {
  readonly HostIp?: Maybe<string>;
  readonly HostPort?: Maybe<string>;
}

export interface HostConfigBody extends ResourcesBody {
  readonly Binds?: Texts;
  readonly Mounts?: Maybe<readonly MountBody[]>;
  readonly Tmpfs?: TextMap;
  readonly LogConfig?: Maybe<{ readonly Type?: Maybe<string>; readonly Config?: TextMap }>;
  readonly NetworkMode?: Maybe<string>;
  readonly PortBindings?: Maybe<Readonly<Record<string, Maybe<readonly PortBindingBody[]>>>>;
  readonly PublishAllPorts?: Maybe<boolean>;
  readonly RestartPolicy?: Maybe<RestartBody>;
  readonly AutoRemove?: Maybe<boolean>;
  readonly CapAdd?: Texts;
  readonly CapDrop?: Texts;
  readonly Dns?: Texts;
  readonly DnsOptions?: Texts;
  readonly DnsSearch?: Texts;
  readonly ExtraHosts?: Texts;
  readonly GroupAdd?: Texts;
  readonly OomScoreAdj?: Maybe<number>;
  readonly OomKillDisable?: Maybe<boolean>;
  readonly Privileged?: Maybe<boolean>;
  readonly ReadonlyRootfs?: Maybe<boolean>;
  readonly SecurityOpt?: Texts;
  readonly ShmSize?: Maybe<number>;
  readonly PidMode?: Maybe<string>;
  readonly IpcMode?: Maybe<string>;
  readonly UTSMode?: Maybe<string>;
  readonly CgroupnsMode?: Maybe<string>;
  readonly UsernsMode?: Maybe<string>;
  readonly Devices?: Maybe<readonly DeviceBody[]>;
  readonly DeviceCgroupRules?: Texts;
  /** Null are the usual ones, an empty list is none. */
  readonly MaskedPaths?: Texts;
  readonly ReadonlyPaths?: Texts;
  readonly Sysctls?: TextMap;
  readonly Init?: Maybe<boolean>;
  readonly Ulimits?: Maybe<
    readonly { readonly Name: string; readonly Soft: number; readonly Hard: number }[]
  >;
}

/** The body of POST /containers/create, as far as it is understood. */
export interface CreateBody {
  readonly Image?: Maybe<string>;
  readonly Hostname?: Maybe<string>;
  readonly User?: Maybe<string>;
  readonly Tty?: Maybe<boolean>;
  readonly OpenStdin?: Maybe<boolean>;
  readonly StdinOnce?: Maybe<boolean>;
  readonly Env?: Texts;
  readonly Cmd?: Maybe<string | readonly string[]>;
  readonly Entrypoint?: Maybe<string | readonly string[]>;
  readonly Healthcheck?: Maybe<HealthBody>;
  readonly Volumes?: Maybe<Readonly<Record<string, unknown>>>;
  readonly ExposedPorts?: Maybe<Readonly<Record<string, unknown>>>;
  readonly WorkingDir?: Maybe<string>;
  readonly NetworkDisabled?: Maybe<boolean>;
  readonly MacAddress?: Maybe<string>;
  readonly Labels?: TextMap;
  readonly StopSignal?: Maybe<string>;
  readonly StopTimeout?: Maybe<number>;
  readonly HostConfig?: Maybe<HostConfigBody>;
  readonly NetworkingConfig?: Maybe<{
    readonly EndpointsConfig?: Maybe<Readonly<Record<string, Maybe<EndpointBody>>>>;
  }>;
}
