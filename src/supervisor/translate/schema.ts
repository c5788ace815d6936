type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: ["string", "null"] };
const flag: Schema = { type: ["boolean", "null"] };
const number: Schema = { type: ["integer", "null"] };
const texts: Schema = { type: ["array", "null"], items: { type: "string" } };
const textMap: Schema = { type: ["object", "null"], additionalProperties: { type: "string" } };
const words: Schema = { type: ["array", "string", "null"], items: { type: "string" } };

function object(properties: Readonly<Record<string, Schema>>): Schema {
  return { type: ["object", "null"], properties };
}

function each(schema: Schema, names: string): Record<string, Schema> {
  return Object.fromEntries(names.split(" ").map((name) => [name, schema]));
}

function list(properties: Readonly<Record<string, Schema>>): Schema {
  const items = { type: "object", properties, required: Object.keys(properties) };
  return { type: ["array", "null"], items };
}

const some: Schema = { type: "integer" };
const name: Schema = { type: "string" };
const rates = list({ Path: name, Rate: some });

const limits: Readonly<Record<string, Schema>> = {
  ...each(
    number,
    "Memory MemoryReservation MemorySwap NanoCpus CpuShares CpuQuota CpuPeriod PidsLimit BlkioWeight MemorySwappiness CpuRealtimeRuntime CpuRealtimePeriod",
  ),
  ...each(text, "CpusetCpus CpusetMems"),
  BlkioWeightDevice: list({ Path: name, Weight: some }),
  ...each(rates, "BlkioDeviceReadBps BlkioDeviceWriteBps BlkioDeviceReadIOps BlkioDeviceWriteIOps"),
};

const restart = object({ Name: text, MaximumRetryCount: number });

const hostConfig = object({
  ...limits,
  ...each(texts, "Binds CapAdd CapDrop Dns DnsOptions DnsSearch ExtraHosts GroupAdd SecurityOpt"),
  ...each(texts, "DeviceCgroupRules MaskedPaths ReadonlyPaths"),
  ...each(flag, "AutoRemove OomKillDisable Privileged ReadonlyRootfs Init PublishAllPorts"),
  ...each(number, "OomScoreAdj ShmSize"),
  ...each(textMap, "Tmpfs Sysctls"),
  ...each(text, "NetworkMode PidMode IpcMode UTSMode CgroupnsMode UsernsMode"),
  Devices: {
    type: ["array", "null"],
    items: { type: "object", properties: each(text, "PathOnHost PathInContainer CgroupPermissions") },
  },
  PortBindings: {
    type: ["object", "null"],
    additionalProperties: {
      type: ["array", "null"],
      items: { type: "object", properties: each(text, "HostIp HostPort") },
    },
  },
  LogConfig: object({ Type: text, Config: textMap }),
  RestartPolicy: restart,
  Ulimits: list({ Name: name, Soft: some, Hard: some }),
  Mounts: {
    type: ["array", "null"],
    items: {
      type: "object",
      properties: {
        ...each(text, "Type Source Target"),
        ReadOnly: flag,
        BindOptions: object({ Propagation: text, NonRecursive: flag }),
        VolumeOptions: object({ NoCopy: flag, Labels: textMap, DriverConfig: object({ Name: text }) }),
        TmpfsOptions: object({ SizeBytes: number, Mode: number }),
      },
    },
  },
});

/** How a container is connected to one network. */
export const endpoint: Schema = object({
  IPAMConfig: object({ IPv4Address: text, IPv6Address: text, LinkLocalIPs: texts }),
  GwPriority: number,
  ...each(texts, "Aliases Links"),
  MacAddress: text,
  DriverOpts: textMap,
});

/** JSON schema of the body of POST /containers/create; what is not named here may be there, and is looked at later. */
export const createSchema: Schema = {
  type: "object",
  properties: {
    ...each(text, "Image Hostname User WorkingDir MacAddress StopSignal"),
    ...each(flag, "Tty OpenStdin StdinOnce NetworkDisabled"),
    Env: texts,
    ...each(words, "Cmd Entrypoint"),
    Labels: textMap,
    StopTimeout: number,
    Volumes: { type: ["object", "null"] },
    ExposedPorts: { type: ["object", "null"] },
    Healthcheck: object({ Test: texts, ...each(number, "Interval Timeout StartPeriod Retries") }),
    HostConfig: hostConfig,
    NetworkingConfig: object({
      EndpointsConfig: { type: ["object", "null"], additionalProperties: endpoint },
    }),
  },
};

/** JSON schema of the body of POST /containers/ID/update. */
export const updateSchema: Schema = { type: "object", properties: { ...limits, RestartPolicy: restart } };
