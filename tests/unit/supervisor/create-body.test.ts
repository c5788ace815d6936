import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { translateCreate } from "../../../src/cli/api/create.ts";
import { translators } from "../../../src/cli/api/translators.ts";
import { MdockerError } from "../../../src/core/errors.ts";
import type { CreateBody } from "../../../src/supervisor/translate/body.ts";
import "../seed.ts";

/** What docker run of 20.10 and 28 sends when nothing is asked for: everything is there, and empty. */
const empty: CreateBody = {
  Hostname: "",
  User: "",
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Env: null,
  Cmd: ["true"],
  Image: "lab",
  Volumes: {},
  WorkingDir: "",
  Entrypoint: null,
  Labels: {},
  ...{ Domainname: "", AttachStdin: false, AttachStdout: true, AttachStderr: true, OnBuild: null },
  HostConfig: {
    Binds: null,
    NetworkMode: "default",
    RestartPolicy: { Name: "no", MaximumRetryCount: 0 },
    AutoRemove: false,
    CapAdd: null,
    CapDrop: null,
    Dns: [],
    DnsOptions: [],
    DnsSearch: [],
    ExtraHosts: null,
    GroupAdd: null,
    OomScoreAdj: 0,
    Privileged: false,
    ReadonlyRootfs: false,
    SecurityOpt: null,
    ShmSize: 0,
    CpuShares: 0,
    Memory: 0,
    NanoCpus: 0,
    BlkioWeight: 0,
    BlkioWeightDevice: [],
    CpuPeriod: 0,
    CpuQuota: 0,
    CpusetCpus: "",
    CpusetMems: "",
    MemoryReservation: 0,
    MemorySwap: 0,
    OomKillDisable: false,
    PidsLimit: 0,
    Ulimits: null,
    LogConfig: { Type: "", Config: {} },
    ...{ ContainerIDFile: "", PortBindings: {}, VolumeDriver: "", VolumesFrom: null, ConsoleSize: [24, 80] },
    ...{ CgroupnsMode: "", IpcMode: "", Cgroup: "", Links: null, PidMode: "", PublishAllPorts: false },
    ...{ UTSMode: "", UsernsMode: "", Isolation: "", CgroupParent: "", CpuRealtimePeriod: 0 },
    ...{ Devices: [], DeviceCgroupRules: null, DeviceRequests: null, MemorySwappiness: -1, CpuCount: 0 },
    ...{ IOMaximumIOps: 0, IOMaximumBandwidth: 0, MaskedPaths: null, ReadonlyPaths: null },
  },
  NetworkingConfig: { EndpointsConfig: {} },
};

async function translate(host: object, config: object = {}, name?: string): Promise<object> {
  const body = { ...empty, ...config, HostConfig: { ...empty.HostConfig, ...host } } as CreateBody;
  return translateCreate(body, name);
}

describe("a body of /containers/create", () => {
  test("gets the users of --userns-remap where it names none; host is a name", async () => {
    const users = async (UsernsMode: string | undefined): Promise<unknown> => {
      const HostConfig = UsernsMode === undefined ? {} : { UsernsMode };
      return (await translateCreate({ Image: "lab", HostConfig }, undefined, "300000:400000:65536"))
        .namespaces?.user;
    };
    const remapped = { uid: 300_000, gid: 400_000, size: 65_536 };
    expect(await users(undefined)).toEqual(remapped);
    expect(await users("")).toEqual(remapped);
    expect(await users("host")).toBeUndefined();
    expect(await users("auto")).toBe("auto");
  });

  test("that asks for nothing is a container with the defaults", async () => {
    expect(await translateCreate(empty, "/web")).toMatchObject({
      name: "web",
      root: { kind: "image", reference: "lab" },
      args: ["true"],
      env: [],
      mounts: [],
      network: { kind: "bridge", attachments: [{ network: "bridge", ifname: "eth0" }] },
      resources: {},
      interactive: false,
      terminal: false,
      detached: true,
      autoRemove: false,
      restart: { policy: "no", maximumRetries: 0 },
    });
    expect(await translateCreate({ Image: "lab" }, undefined)).toMatchObject({ args: [], terminal: false });
  });

  test.each<[string, object, object, object]>([
    [
      "memory",
      { Memory: 64 << 20, MemorySwap: -1 },
      {},
      { resources: { memory: { limit: 64 << 20, swap: -1 } } },
    ],
    ["cpus", { NanoCpus: 1.5e9 }, {}, { cpus: 1.5, resources: { cpu: { quota: 150_000, period: 100_000 } } }],
    ["pids", { PidsLimit: 10 }, {}, { resources: { pids: { limit: 10 } } }],
    [
      "binds",
      { Binds: ["/srv:/data:ro,z"] },
      {},
      { mounts: [{ kind: "bind", source: "/srv", readOnly: true }] },
    ],
    [
      "volumes",
      { Binds: ["data:/data"] },
      { Volumes: { "/data": {} } },
      { mounts: [{ kind: "volume", name: "data" }] },
    ],
    [
      "no name",
      {},
      { Volumes: { "/data": {} } },
      { mounts: [{ name: expect.stringMatching(/^[0-9a-f]{64}$/) }] },
    ],
    ["tmpfs", { Tmpfs: { "/run": "size=1m" } }, {}, { mounts: [{ kind: "tmpfs", options: ["size=1m"] }] }],
    [
      "mounts",
      { Mounts: [{ Type: "bind", Source: "/a,b", Target: "/c", ReadOnly: true }] },
      {},
      { mounts: [{ kind: "bind", source: "/a,b", target: "/c", readOnly: true }] },
    ],
    ["entrypoint", {}, { Entrypoint: [""] }, { entrypoint: [] }],
    ["entrypoint", {}, { Entrypoint: ["a", "b"] }, { entrypoint: ["a", "b"] }],
    ["entrypoint", {}, { Entrypoint: "a" }, { entrypoint: ["a"] }],
    ["host", { NetworkMode: "host" }, {}, { network: { kind: "host" } }],
    [
      "ports",
      {
        PortBindings: {
          "80/tcp": [{ HostPort: "8080" }, { HostIp: "0.0.0.0", HostPort: "" }],
          "53/udp": [{ HostIp: "::", HostPort: "5300-5310" }],
          "90/tcp": [],
          "91/tcp": null,
        },
      },
      {},
      {
        network: {
          ports: [
            { protocol: "tcp", containerPort: 80, hostPort: 8080 },
            { protocol: "tcp", containerPort: 80, hostAddress: "0.0.0.0" },
            { protocol: "udp", containerPort: 53, hostAddress: "::", hostPort: 5300, lastHostPort: 5310 },
            { protocol: "tcp", containerPort: 90 },
            { protocol: "tcp", containerPort: 91 },
          ],
        },
      },
    ],
    [
      "all ports",
      { PublishAllPorts: true },
      { ExposedPorts: { "80/tcp": {}, "53/udp": {} } },
      { publishAll: true, exposed: ["80/tcp", "53/udp"] },
    ],
    ["what it exposes", { NetworkMode: "host" }, { ExposedPorts: { "80/tcp": {} } }, { exposed: ["80/tcp"] }],
    ["none", {}, { NetworkDisabled: true }, { network: { kind: "none" } }],
    [
      "another's",
      { NetworkMode: "container:x" },
      { Hostname: "y" },
      { network: { kind: "container", container: "x" } },
    ],
    [
      "networks",
      { NetworkMode: "a" },
      {
        NetworkingConfig: {
          EndpointsConfig: { b: {}, a: { IPAMConfig: { IPv4Address: "10.1.2.3" }, Aliases: ["x", "y"] } },
        },
      },
      {
        network: {
          attachments: [
            { network: "a", address: "10.1.2.3", aliases: ["x", "y"] },
            { network: "b", ifname: "eth1" },
          ],
        },
      },
    ],
    [
      "restart",
      { RestartPolicy: { Name: "on-failure", MaximumRetryCount: 3 } },
      {},
      { restart: { maximumRetries: 3 } },
    ],
    [
      "ulimits",
      { Ulimits: [{ Name: "nofile", Soft: 1, Hard: 2 }] },
      {},
      { rlimits: [{ type: "RLIMIT_NOFILE", soft: 1, hard: 2 }] },
    ],
    [
      "health",
      {},
      { Healthcheck: { Test: ["CMD", "true"], Interval: 2e9 } },
      { health: { test: ["CMD", "true"], intervalMs: 2000, timeoutMs: 30_000, retries: 3 } },
    ],
    [
      "logs",
      { LogConfig: { Type: "json-file", Config: { "max-size": "1m" } } },
      {},
      { log: { driver: "json-file" } },
    ],
    ["shm", { ShmSize: 1 << 20 }, {}, { shmSize: 1 << 20, mounts: [] }],
    [
      "namespaces",
      { PidMode: "host", IpcMode: "container:abc", UTSMode: "host", CgroupnsMode: "host" },
      {},
      { namespaces: { pid: "host", ipc: "container:abc", uts: "host", cgroup: "host" } },
    ],
    ["usual namespaces", { IpcMode: "private", CgroupnsMode: "private" }, {}, {}],
    [
      "devices",
      {
        Devices: [{ PathOnHost: "/dev/fuse", PathInContainer: "/dev/fuse", CgroupPermissions: "rw" }],
        DeviceCgroupRules: ["c 10:* rm"],
      },
      {},
      {
        devices: [{ source: "/dev/fuse", target: "/dev/fuse", access: "rw" }],
        deviceRules: [{ allow: true, type: "c", major: 10, access: "rm" }],
      },
    ],
    ["swappiness", { MemorySwappiness: 0 }, {}, { resources: { memory: { swappiness: 0 } } }],
    [
      "paths",
      { MaskedPaths: [], ReadonlyPaths: ["/proc/sys"] },
      {},
      { maskedPaths: [], readonlyPaths: ["/proc/sys"] },
    ],
  ])("says the same as the flags: %s", async (_name, host, config, expected) => {
    expect(await translate(host, config)).toMatchObject(expected);
  });

  test.each<[object, string]>([
    [{ PortBindings: { "80/tcp": [{ HostPort: "x" }] } }, "HostConfig.PortBindings: x:80/tcp: expected"],
    [{ PortBindings: { "80/tcp": [{ HostIp: "::1" }] } }, "HostConfig.PortBindings: [::1]::80/tcp: expected"],
    [{ PublishAllPorts: true, NetworkMode: "none" }, "a container with --network none cannot publish ports"],
    [{ DeviceRequests: [{}] }, "HostConfig.DeviceRequests is not supported"],
    [{ VolumesFrom: ["x"] }, "HostConfig.VolumesFrom is not supported"],
    [{ MemorySwappiness: 101 }, "HostConfig.MemorySwappiness: 101: expected a whole number from 0 to 100"],
    [{ Memory: -5 }, "HostConfig.Memory"],
    [{ CapAdd: ["NO_SUCH"] }, "HostConfig.CapAdd"],
    [{ Binds: ["/a:b"] }, "HostConfig.Binds"],
    [{ LogConfig: { Type: "syslog" } }, "syslog"],
    [
      { AutoRemove: true, RestartPolicy: { Name: "always" } },
      "can't create 'AutoRemove' container with restart policy",
    ],
    [{ RestartPolicy: { Name: "sometimes" } }, "HostConfig.RestartPolicy"],
  ])("is refused in one sentence: %j", async (host, why) => {
    await expect(translate(host)).rejects.toThrow(why);
    await expect(translate(host)).rejects.toThrow(MdockerError);
  });

  test("of any content makes a request or an MdockerError", async () => {
    const texts = fc.option(fc.array(fc.string(), { maxLength: 3 }));
    const number = fc.option(fc.integer({ min: -10, max: 2 ** 40 }));
    const map = fc.option(fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }));
    const host = fc.record(
      {
        ...{
          Memory: number,
          MemorySwap: number,
          NanoCpus: number,
          CpuShares: number,
          PidsLimit: number,
          ShmSize: number,
        },
        ...{
          Binds: texts,
          CapAdd: texts,
          Dns: texts,
          ExtraHosts: texts,
          SecurityOpt: texts,
          GroupAdd: texts,
        },
        ...{
          Tmpfs: map,
          Sysctls: map,
          NetworkMode: fc.option(fc.string()),
          CpusetCpus: fc.option(fc.string()),
        },
        Mounts: fc.option(
          fc.array(fc.record({ Type: fc.constantFrom("bind", "volume", "tmpfs", "x"), Target: fc.string() })),
        ),
      },
      { requiredKeys: [] },
    );
    const config = fc.record(
      {
        ...{
          Image: fc.option(fc.string()),
          Env: texts,
          Cmd: fc.option(fc.oneof(fc.string(), fc.array(fc.string()))),
        },
        ...{
          Labels: map,
          User: fc.option(fc.string()),
          WorkingDir: fc.option(fc.string()),
          StopTimeout: number,
        },
        ...{
          Hostname: fc.option(fc.string()),
          StopSignal: fc.option(fc.string()),
          HostConfig: fc.option(host),
        },
        NetworkingConfig: fc.option(
          fc.record({ EndpointsConfig: fc.dictionary(fc.string(), fc.constant({})) }),
        ),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(config, fc.option(fc.string(), { nil: undefined }), async (body, name) => {
        try {
          expect(await translateCreate(body as CreateBody, name)).toMatchObject({ detached: true });
        } catch (error) {
          expect(error).toBeInstanceOf(MdockerError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("a body of /containers/ID/update", () => {
  test("changes what it names", async () => {
    expect(
      await translators.update({ Memory: 1 << 27, MemorySwap: 1 << 27, RestartPolicy: { Name: "always" } }),
    ).toEqual({
      resources: { memory: { limit: 1 << 27, swap: 1 << 27 } },
      restart: { policy: "always", maximumRetries: 0 },
    });
    await expect(translators.update({ CpuQuota: 5 })).rejects.toThrow("CpuQuota");
  });
});
