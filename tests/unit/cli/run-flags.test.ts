import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runOptions } from "../../../src/cli/run-options.ts";
import type { RunRequest } from "../../../src/container/request.ts";
import { UsageError } from "../../../src/core/errors.ts";
import type { PortMapping } from "../../../src/core/port-mapping.ts";
import { fakeView, parseRun, request } from "./parse.ts";
import "../seed.ts";

const onTerminal = fakeView({}, { stdin: true, stdout: true });

const plain: RunRequest = {
  root: { kind: "image", reference: "lab", pull: "missing" },
  args: ["/bin/true"],
  env: [],
  groups: [],
  labels: {},
  interactive: false,
  terminal: false,
  keep: false,
  init: true,
  readOnlyRoot: false,
  mounts: [],
  network: { kind: "bridge", attachments: [{ network: "bridge", ifname: "eth0" }] },
  dns: [],
  dnsSearch: [],
  dnsOptions: [],
  extraHosts: [],
  resources: {},
  rlimits: [],
  sysctl: {},
  capAdd: [],
  capDrop: [],
  privileged: false,
  securityOptions: [],
};

const bridge = (attachment: object, ...ports: readonly PortMapping[]): RunRequest["network"] => ({
  kind: "bridge",
  attachments: [{ network: "bridge", ifname: "eth0", ...attachment }],
  ...(ports.length > 0 ? { ports } : {}),
});
const bind = { kind: "bind", source: "/srv", target: "/data", readOnly: false, create: true } as const;

const detached = { detached: true, keep: true };

/** Flags before `/bin/true`, and what they change. */
const accepted: readonly (readonly [string, Partial<RunRequest>])[] = [
  ["--pid host --uts host", { namespaces: { pid: "host", uts: "host" } }],
  ["--pid private --cgroupns private --ipc private", {}],
  ["--ipc shareable --cgroupns host", { namespaces: { ipc: "shareable", cgroup: "host" } }],
  ["--userns host", {}],
  ["--userns auto", { namespaces: { user: "auto" } }],
  ["--userns 1:2:3", { namespaces: { user: { uid: 1, gid: 2, size: 3 } } }],
  ["--pid container:web", { namespaces: { pid: "container:web" } }],
  [
    "--time-offset boottime=+1d,monotonic=-1.5s",
    {
      namespaces: {
        timeOffsets: {
          boottime: { secs: 86_400, nanosecs: 0 },
          monotonic: { secs: -2, nanosecs: 500_000_000 },
        },
      },
    },
  ],
  [
    "--time-offset boottime=1h30m",
    { namespaces: { timeOffsets: { boottime: { secs: 5400, nanosecs: 0 } } } },
  ],
  ["--device /dev/fuse", { devices: [{ source: "/dev/fuse", target: "/dev/fuse", access: "rwm" }] }],
  ["--device /dev/fuse:r", { devices: [{ source: "/dev/fuse", target: "/dev/fuse", access: "r" }] }],
  ["--device /dev/sda:/dev/x:rw", { devices: [{ source: "/dev/sda", target: "/dev/x", access: "rw" }] }],
  ["--shm-size 2m", { shmSize: 2 << 20 }],
  ["", {}],
  ["-i", { interactive: true }],
  ["--interactive=true", { interactive: true }],
  ["-e A=1 --env B=x=y --env EMPTY=", { env: ["A=1", "B=x=y", "EMPTY="] }],
  ["-e HOME -e NOT_SET", { env: ["HOME=/home/user"] }],
  ["-e=A=1", { env: ["A=1"] }],
  ["-w /srv", { cwd: "/srv" }],
  ["-u 1000:1000 --group-add audio --group-add 7", { user: "1000:1000", groups: ["audio", "7"] }],
  ["--name web", { name: "web" }],
  ["-h box", { hostname: "box" }],
  ["--hostname box.example.org", { hostname: "box.example.org" }],
  ["--rm", {}],
  ["--keep", { keep: true }],
  ["--rm=false", { keep: true }],
  ["--keep=false", {}],
  ["-d=true", detached],
  ["-d", detached],
  ["--detach --rm", { ...detached, autoRemove: true }],
  ["-dit", { ...detached, interactive: true, terminal: true }],
  ["-d --restart always", { ...detached, restart: { policy: "always", maximumRetries: 0 } }],
  ["-d --restart=on-failure:5", { ...detached, restart: { policy: "on-failure", maximumRetries: 5 } }],
  ["-d --restart no --rm", { ...detached, autoRemove: true, restart: { policy: "no", maximumRetries: 0 } }],
  ["--restart no", {}],
  [
    "-d --health-cmd check",
    {
      ...detached,
      health: {
        test: ["CMD-SHELL", "check"],
        intervalMs: 30_000,
        timeoutMs: 30_000,
        startPeriodMs: 0,
        retries: 3,
      },
    },
  ],
  [
    "-d --health-cmd x --health-interval 1.5s --health-timeout 200ms --health-start-period 1m --health-retries 5",
    {
      ...detached,
      health: {
        test: ["CMD-SHELL", "x"],
        intervalMs: 1500,
        timeoutMs: 200,
        startPeriodMs: 60_000,
        retries: 5,
      },
    },
  ],
  [
    "-d --no-healthcheck",
    {
      ...detached,
      health: { test: ["NONE"], intervalMs: 30_000, timeoutMs: 30_000, startPeriodMs: 0, retries: 3 },
    },
  ],
  ["--stop-signal SIGQUIT --stop-timeout -1", { stopSignal: "SIGQUIT", stopTimeout: -1 }],
  ["--log-driver none", {}],
  ["-d --log-driver none", { ...detached, log: { driver: "none", options: {} } }],
  [
    "-d --log-opt max-size=10m --log-opt max-file=3",
    { ...detached, log: { driver: "json-file", options: { "max-size": "10m", "max-file": "3" } } },
  ],
  ["--net none", { network: { kind: "none" } }],
  ["--network=host", { network: { kind: "host" } }],
  ["--net container:db", { network: { kind: "container", container: "db" } }],
  ["--net default", {}],
  [
    "--net front --net back",
    {
      network: {
        kind: "bridge",
        attachments: [
          { network: "front", ifname: "eth0" },
          { network: "back", ifname: "eth1" },
        ],
      },
    },
  ],
  [
    "--ip 10.200.1.9 --mac-address 02:42:0A:C8:01:09",
    { network: bridge({ address: "10.200.1.9", mac: "02:42:0a:c8:01:09" }) },
  ],
  ["--network-alias a --network-alias b", { network: bridge({ aliases: ["a", "b"] }) }],
  [
    "--net name=front,ip=10.200.2.5,alias=x,ifname=up0",
    { network: bridge({ network: "front", address: "10.200.2.5", aliases: ["x"], ifname: "up0" }) },
  ],
  [
    "--ip6 FD00:0::7 --link-local-ip 169.254.1.7 --link-local-ip fe80::7",
    { network: bridge({ address6: "fd00::7", linkLocal: ["169.254.1.7", "fe80::7"] }) },
  ],
  [
    "--net a:ip=10.200.2.7,ip6=fd00::9,ifname=eth1,gw --net b --net c:alias=x,alias=y,gw-priority=-3",
    {
      network: {
        kind: "bridge",
        attachments: [
          {
            ...{ network: "a", address: "10.200.2.7", address6: "fd00::9", ifname: "eth1" },
            gatewayPriority: 1,
          },
          { network: "b", ifname: "eth0" },
          { network: "c", ifname: "eth2", aliases: ["x", "y"], gatewayPriority: -3 },
        ],
      },
    },
  ],
  [
    "--net name=front,driver-opt=com.docker.network.endpoint.ifname=up1,gw-priority=2,link-local-ip=fe80::1",
    { network: bridge({ network: "front", ifname: "up1", gatewayPriority: 2, linkLocal: ["fe80::1"] }) },
  ],
  [
    "-p 8080:80 -p 80 -p 53:53/UDP -p [FE80::0:1]:81:80/sctp",
    {
      network: bridge(
        {},
        { protocol: "tcp", containerPort: 80, hostPort: 8080 },
        { protocol: "tcp", containerPort: 80 },
        { protocol: "udp", containerPort: 53, hostPort: 53 },
        { protocol: "sctp", containerPort: 80, hostAddress: "fe80::1", hostPort: 81 },
      ),
    },
  ],
  [
    "-p 0.0.0.0:8000-8001:80-81 -p 192.0.2.1::80 -p 9000-9010:90 -p 0:80",
    {
      network: bridge(
        {},
        { protocol: "tcp", containerPort: 80, hostAddress: "0.0.0.0", hostPort: 8000 },
        { protocol: "tcp", containerPort: 81, hostAddress: "0.0.0.0", hostPort: 8001 },
        { protocol: "tcp", containerPort: 80, hostAddress: "192.0.2.1" },
        { protocol: "tcp", containerPort: 90, hostPort: 9000, lastHostPort: 9010 },
        { protocol: "tcp", containerPort: 80 },
      ),
    },
  ],
  [
    "-p published=8080,target=80,protocol=udp",
    { network: bridge({}, { protocol: "udp", containerPort: 80, hostPort: 8080 }) },
  ],
  [
    "-P --expose 80 --expose 90-91/udp --expose 80/tcp",
    { publishAll: true, exposed: ["80/tcp", "90/udp", "91/udp"] },
  ],
  [
    "--dns 9.9.9.9 --dns ::1 --dns-search . --dns-option ndots:2",
    { dns: ["9.9.9.9", "::1"], dnsSearch: ["."], dnsOptions: ["ndots:2"] },
  ],
  [
    "--add-host db:10.0.0.1 --add-host six:fe80::1 --add-host seven=[::7]",
    { extraHosts: ["db:10.0.0.1", "six:fe80::1", "seven:::7"] },
  ],
  ["-v /srv:/data", { mounts: [bind] }],
  [
    "-v ./srv:/data/:ro,rslave",
    { mounts: [{ ...bind, source: "/work/srv", readOnly: true, propagation: "rslave" }] },
  ],
  ["-v store:/data:ro", { mounts: [{ kind: "volume", name: "store", target: "/data", readOnly: true }] }],
  ["--mount type=bind,src=/srv,dst=/data,ro", { mounts: [{ ...bind, readOnly: true, create: false }] }],
  [
    "--mount type=bind,source=srv,target=/data,readonly=false,bind-propagation=shared",
    { mounts: [{ ...bind, source: "/work/srv", create: false, propagation: "shared" }] },
  ],
  [
    "--mount source=store,target=/data",
    { mounts: [{ kind: "volume", name: "store", target: "/data", readOnly: false }] },
  ],
  [
    "--mount type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1777",
    { mounts: [{ kind: "tmpfs", target: "/t", options: ["size=1048576", "mode=1777"] }] },
  ],
  ['--mount type=bind,"source=/a,b",target=/data', { mounts: [{ ...bind, source: "/a,b", create: false }] }],
  ["--tmpfs /run", { mounts: [{ kind: "tmpfs", target: "/run", options: [] }] }],
  [
    "--tmpfs /run:size=64m,mode=1777,noexec",
    { mounts: [{ kind: "tmpfs", target: "/run", options: ["size=64m", "mode=1777", "noexec"] }] },
  ],
  ["--read-only", { readOnlyRoot: true }],
  ["-m 64m", { resources: { memory: { limit: 67108864 } } }],
  [
    "-m=64m --memory-swap -1 --memory-reservation 32m",
    { resources: { memory: { limit: 67108864, swap: -1, reservation: 33554432 } } },
  ],
  ["--memory 0", {}],
  [
    "--cpu-rt-runtime 9000 --cpu-rt-period 500000",
    { resources: { cpu: { realtimeRuntime: 9000, realtimePeriod: 500_000 } } },
  ],
  [
    "--hugetlb-limit 2MB=64m --hugetlb-limit 1g=max --hugetlb-limit 2m=32m",
    {
      resources: {
        hugepageLimits: [
          { pageSize: "2MB", limit: 33_554_432 },
          { pageSize: "1GB", limit: -1 },
        ],
      },
    },
  ],
  ["--memory-swappiness 0", { resources: { memory: { swappiness: 0 } } }],
  [
    "--memory-high 48m --memory-min 1m --oom-group --cgroup-conf hugetlb.2MB.max=0",
    {
      resources: {
        unified: {
          "memory.high": "50331648",
          "memory.min": "1048576",
          "memory.oom.group": "1",
          "hugetlb.2MB.max": "0",
        },
      },
    },
  ],
  [
    "--memory-high 0 --oom-group=false",
    { resources: { unified: { "memory.high": "max", "memory.oom.group": "0" } } },
  ],
  ["-m1g --oom-kill-disable", { resources: { memory: { limit: 1073741824, disableOOMKiller: true } } }],
  ["--oom-score-adj -500", { oomScoreAdj: -500 }],
  ["--nice -5", { nice: -5 }],
  ["--nice 19 --ioprio idle", { nice: 19, ioPriority: { class: "IOPRIO_CLASS_IDLE", priority: 0 } }],
  ["--ioprio best-effort", { ioPriority: { class: "IOPRIO_CLASS_BE", priority: 4 } }],
  ["--ioprio realtime:0", { ioPriority: { class: "IOPRIO_CLASS_RT", priority: 0 } }],
  ["--cpus 1.5", { cpus: 1.5, resources: { cpu: { quota: 150000, period: 100000 } } }],
  ["--cpus=.5 -c 512", { cpus: 0.5, resources: { cpu: { quota: 50000, period: 100000, shares: 512 } } }],
  ["--cpu-quota 20000 --cpu-period 50000", { resources: { cpu: { quota: 20000, period: 50000 } } }],
  ["--cpu-quota -1", { resources: { cpu: { quota: -1 } } }],
  ["--cpuset-cpus 0-1,3 --cpuset-mems 0", { resources: { cpu: { cpus: "0-1,3", mems: "0" } } }],
  ["--pids-limit 100", { resources: { pids: { limit: 100 } } }],
  ["--pids-limit 0", { resources: { pids: { limit: -1 } } }],
  ["--blkio-weight 300", { resources: { blockIO: { weight: 300 } } }],
  [
    "--blkio-weight-device /dev/sda:200",
    { resources: { blockIO: { weightDevice: [{ major: 8, minor: 0, weight: 200 }] } } },
  ],
  [
    "--device-read-bps /dev/sda:1m",
    { resources: { blockIO: { throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1048576 }] } } },
  ],
  [
    "--device-write-bps /dev/sda:1k",
    { resources: { blockIO: { throttleWriteBpsDevice: [{ major: 8, minor: 0, rate: 1024 }] } } },
  ],
  [
    "--device-read-iops /dev/sda:10",
    { resources: { blockIO: { throttleReadIOPSDevice: [{ major: 8, minor: 0, rate: 10 }] } } },
  ],
  [
    "--device-write-iops /dev/sda:20",
    { resources: { blockIO: { throttleWriteIOPSDevice: [{ major: 8, minor: 0, rate: 20 }] } } },
  ],
  [
    "--ulimit nofile=1024:4096 --ulimit core=unlimited --ulimit core=0",
    {
      rlimits: [
        { type: "RLIMIT_NOFILE", soft: 1024, hard: 4096 },
        { type: "RLIMIT_CORE", soft: 0, hard: 0 },
      ],
    },
  ],
  [
    "--sysctl net.ipv4.ip_forward=1 --sysctl net/core/somaxconn=9",
    { sysctl: { "net.ipv4.ip_forward": "1", "net.core.somaxconn": "9" } },
  ],
  ["--init=false", { init: false }],
  ["--no-init", { init: false }],
  ["--no-init --init", {}],
  ["--entrypoint /bin/sh", { entrypoint: ["/bin/sh"] }],
  ["--entrypoint=", { entrypoint: [] }],
  ["-l a=b --label bare", { labels: { a: "b", bare: "" } }],
  ["--cidfile id", { cidFile: "/work/id" }],
  ["--pull always", { root: { kind: "image", reference: "lab", pull: "always" } }],
  ["--rootfs ./alpine", { root: { kind: "directory", path: "/work/alpine" } }],
  [
    "--cap-add net_admin --cap-add ALL --cap-drop CAP_CHOWN",
    { capAdd: ["CAP_NET_ADMIN", "ALL"], capDrop: ["CAP_CHOWN"] },
  ],
  ["--privileged", { privileged: true }],
  [
    "--security-opt seccomp=unconfined --security-opt no-new-privileges",
    { securityOptions: ["seccomp=unconfined", "no-new-privileges"] },
  ],
  ["--umask 0027", { umask: 0o27 }],
  ["--explain --json", {}],
];

/** Flags before `/bin/true`, and the one line they are refused with. */
const refused: readonly (readonly [string, string | RegExp])[] = [
  ["--pid other", "--pid: other: expected private, host or container:NAME"],
  ["--cgroupns container:x", "--cgroupns: container:x: expected private, host"],
  ["--ipc container:", /^--ipc: container:: expected private, shareable, none, host or container:NAME/],
  ["--uts host -h box", "--hostname: the host name is not its own with --uts host"],
  ["--ipc host --shm-size 1m", "--shm-size: /dev/shm is not its own with --ipc host"],
  ["--ipc host --sysctl kernel.shmmax=1", /kernel.shmmax: would change the IPC of host/],
  ["--time-offset 1d", /^--time-offset: 1d: expected boottime=OFFSET/],
  ["--time-offset boottime=soon", /^--time-offset boottime: soon: expected an offset such as \+1d/],
  ["--time-offset monotonic=200000d", /at most 146 years/],
  ["--device fuse", /^--device: fuse: expected HOST\[:CONTAINER\[:rwm\]\], with absolute paths/],
  ["--device /dev/fuse:/opt/fuse", /expected a path below \/dev/],
  ["--device /dev/fuse:/dev/../etc", /expected a path below \/dev/],
  ["--device /dev/fuse:/dev/shm/fuse", /expected a path below \/dev/],
  ["--device /dev/fuse:/dev/fuse:rx", /expected some of r \(read\), w \(write\) and m \(mknod\)/],
  ["--device-cgroup-rule c", /expected TYPE MAJOR:MINOR ACCESS/],
  ["--shm-size 0", /^--shm-size: 0: expected a size above 0/],
  ["--shm-size 1m --tmpfs /dev/shm:size=2m", /expected the size in one of/],
  ["-t", "the input device is not a TTY: leave out -t, or run it from a terminal"],
  ["-it", /not a TTY/],
  ["--rm --keep", /--rm and --keep contradict/],
  ["-e ==x", "--env: =x: expected NAME or NAME=VALUE, no blanks in the name"],
  ["--hugetlb-limit 2MB", /^--hugetlb-limit: 2MB: expected SIZE=BYTES/],
  ["--hugetlb-limit 3m=1g", /^--hugetlb-limit: 3m: expected a size of huge pages/],
  ["--memory-swappiness 101", /^--memory-swappiness: 101: expected a whole number from 0 to 100/],
  ["--memory-high 1k", "--memory-high: 1k: expected at least 4096 bytes (one page), or max"],
  [
    "--cgroup-conf memory.max=1",
    /^--cgroup-conf: memory.max=1: expected another file: memory.max is set by --memory$/,
  ],
  ["--cgroup-conf cgroup.procs=0", /^--cgroup-conf: cgroup.procs: expected the name of a cgroup v2 file/],
  ["--cgroup-conf io.latency", /^--cgroup-conf: io.latency: expected FILE=VALUE/],
  ["-m 3q", "--memory: 3q: expected a size such as 512k, 64m or 1.5g"],
  ["-m -1", /^--memory: -1: expected a size/],
  ["--memory-swap 1g", /--memory-swap: 1g: expected --memory with it/],
  ["-m 1g --memory-swap 512m", /expected at least --memory/],
  ["-m 1m --memory-reservation 2m", /^--memory-reservation: 2m: expected at most --memory/],
  ["--cpus nine", /^--cpus: nine: expected a number of CPUs/],
  ["--cpus 1 --cpu-quota 5000", /^--cpus and --cpu-quota contradict/],
  ["--cpu-shares 1", /^--cpu-shares: 1: expected 2 to 262144/],
  ["--cpu-period 10", /1000 to 1000000/],
  ["--cpuset-cpus 3-1", /^--cpuset-cpus: 3-1: expected a list/],
  ["--pids-limit many", /^--pids-limit: many: expected a whole number/],
  ["--blkio-weight 5", /^--blkio-weight: 5: expected 10 to 1000/],
  ["--device-read-bps /dev/null:1m", /\/dev\/null to be a block device/],
  ["--device-read-iops /dev/sda:x", /^--device-read-iops \/dev\/sda: x: expected a whole number/],
  ["--ulimit nofiel=1", /nofiel: unknown limit; did you mean nofile/],
  ["--ulimit nofile=5:2", /^--ulimit: nofile=5:2: expected a soft limit up to the hard one/],
  ["--sysctl kernel.panic=1", /^--sysctl: kernel.panic=1: expected a parameter of its own namespaces/],
  ["--net host --sysctl net.core.somaxconn=9", /would change the network of host/],
  ["--net host --ip 10.0.0.1", /^--ip: a container with --network host has no address/],
  ["-p x", /--publish: x: expected \[HOST-ADDRESS:\]/],
  ["-p 0", /a port of the container from 1/],
  ["-p 70000", /up to 65535/],
  ["-p 80:80/icmp", /\/tcp, \/udp or \/sctp/],
  ["-p 80:80/tcp/udp", /expected \[HOST/],
  ["-p 90-80:80", /from a lower to a higher/],
  ["-p 80-82:80-81", /as many ports of the host/],
  ["-p 0-2:80-82", /ports of the host from 1/],
  ["-p localhost:80:80", /an IPv4 address/],
  ["-p 224.0.0.1:80:80", /an address of the host/],
  ["-p 1.2.3:80:80", /an IPv4 address/],
  ["-p ::1:80:80", /in brackets/],
  ["-p [::1]:80:80", /leads nothing away from ::1/],
  ["-p [::ffff:1.2.3.4]:80:80", /written as one/],
  ["-p [::]:80", /in brackets and both ports/],
  ["-p published=80,target=80,mod=x", /keys of published/],
  ["--net host -p 80:80", /the host's already/],
  ["--net none -P", /no ports of its own/],
  ["--net container:x -p 80", /no ports of its own/],
  ["--expose 80-", /expected/],
  ["--expose 0", /a port from 1/],
  ["--expose 80/tcp/x", /PORT\[-PORT\]/],
  ["--net none --mac-address 02:42:0a:c8:01:09", /has no address of its own/],
  ["--net none --net bridge", /cannot be combined/],
  ["--net a --net a", /the same network twice/],
  ["--net a --net b --ip 10.0.0.1", /^--ip: which of the networks/],
  ["--net a:gw --net b:gw", /^--network: gw on a and b: the default route leads by one of them/],
  ["--net a:ip", /^--network ip: "": expected an IPv4 address/],
  ["--net a:what=1", /expected keys of name, ip, ip6/],
  ["--net a:", /expected NETWORK:KEY=VALUE/],
  ["--net a:gw-priority=x", /expected a whole number/],
  ["--net a:ifname=lo", /expected an interface name/],
  ["--net a:driver-opt=x=1", /expected com\.docker\.network\.endpoint\.ifname=NAME/],
  ["--ip6 10.0.0.1", /^--ip6: 10.0.0.1: expected an IPv6 address/],
  ["--link-local-ip 10.0.0.1", /^--link-local-ip: 10.0.0.1: expected a link-local address/],
  ["--link-local-ip 2001:db8::1", /expected a link-local address/],
  ["--net container:", /expected container:NAME/],
  ["--net a/b", /^--network: a\/b: expected none, host/],
  ["--net name=a,mtu=9", /expected keys of name, ip/],
  ["--ip 10.0.0.256", /^--ip: 10.0.0.256: expected an IPv4 address/],
  ["--mac-address 01:00:5e:00:00:01", /unicast/],
  ["--mac-address 2:42", /expected a MAC address/],
  ["--net container:db --dns 1.1.1.1", /^--dns: names are those of the other container/],
  ["--net container:db --hostname x", /^--hostname: names are those/],
  ["--dns nine", /^--dns: nine: expected the address/],
  ["--add-host db", /^--add-host: db: expected NAME:ADDRESS/],
  ["--add-host db:1.2.3", /expected NAME:ADDRESS/],
  ["-v data", /^--volume: data: expected \[SOURCE:\]TARGET/],
  ["-v /a:/", /other than \//],
  ["-v /a:b", /expected an absolute path in the container/],
  ["-v /a:/b:rx", /not "rx"/],
  ["-v /a:/b -v /c:/b", /^--volume: \/b is mounted twice/],
  ["-v /a:/b --tmpfs /b/", /^--tmpfs: \/b is mounted twice/],
  ["--mount type=bind,target=/b", /expected source=/],
  ["--mount type=nfs,target=/b", /expected type=bind/],
  ["--mount type=tmpfs,source=/a,target=/b", /no source with type=tmpfs/],
  ["--mount tipe=bind", /expected type, not tipe/],
  ["--mount type=bind,,target=/b", /expected KEY=VALUE/],
  ["--tmpfs run", /expected an absolute path/],
  ["--tmpfs /run:uid=x", /not "uid=x"/],
  ["-w srv", /^--workdir: srv: expected an absolute path/],
  ["-u a:b:c", /^--user/],
  ["--umask 9", /^--umask: 9: expected an octal mode/],
  ["--oom-score-adj 1001", /from -1000 to 1000/],
  ["--nice 20", /^--nice: 20: .*from -20 to 19/],
  ["--ioprio idle:3", /^--ioprio: idle:3: expected idle, best-effort:0/],
  ["--ioprio best-effort:8", /^--ioprio: best-effort:8: expected idle/],
  ["--name -x", /^--name: -x: expected letters/],
  ["--hostname -", /^--hostname/],
  ["--pull sometimes", /^--pull: sometimes: expected never, missing or always/],
  ["--rootfs /a --pull never", /--rootfs and --pull contradict/],
  ["--cap-add NET_ADMINN", /^--cap-add: NET_ADMINN: unknown capability; did you mean NET_ADMIN\?/],
  ["--stop-signal TREM", /^--stop-signal: "TREM": did you mean TERM\?/],
  ["--log-opt max-size=1m", /^--log-opt: needs -d:/],
  ["--log-driver syslog", /^--log-driver: syslog: expected json-file or none/],
  ["--log-opt max-size", /^--log-opt: max-size: expected NAME=VALUE/],
  ["--log-opt max-size=x", /^--log-opt max-size: x: expected a size/],
  ["--stop-timeout 1.5", /^--stop-timeout: 1.5: expected a whole number of seconds, or -1/],
  ["--restart always", /^--restart: needs -d: a container in the foreground/],
  ["--health-cmd true", /^--health-cmd: needs -d/],
  ["-d --restart always --rm", /^--restart and --rm contradict: what is removed/],
  ["-d --restart sometimes", /^--restart: sometimes: expected no, on-failure\[:TIMES\]/],
  ["-d --restart always:3", /only on-failure has a number of times/],
  ["-d --health-interval 5s", /^--health-interval: expected --health-cmd with it/],
  ["-d --no-healthcheck --health-cmd x", /^--no-healthcheck and --health-cmd contradict/],
  ["-d --health-cmd x --health-timeout 5", /^--health-timeout: "5": expected a duration/],
  ["-d --health-cmd x --health-interval 1us", /^--health-interval: 1us: expected at least 1ms/],
  ["-d --health-cmd x --health-retries -1", /^--health-retries: -1: expected a whole number/],
  ["--init=maybe", /^--init: maybe: expected true or false/],
  ["--env-file none", /^--env-file: "none": no such file/],
  ["--memmory 3", "run: unknown option --memmory: did you mean --memory?"],
  ["-Z", /^run: unknown option -Z: see mdocker run --help/],
];

const split = (text: string): string[] =>
  text === "" ? [] : text.split(" ").map((word) => word.replaceAll('"', '"'));

describe("flags of run", () => {
  test.each(accepted)("%s", async (text, changes) => {
    expect(await request([...split(text), "/bin/true"])).toEqual({ ...plain, ...changes });
  });

  test.each(refused)("refuses %s", async (text, expected) => {
    const failure = await request([...split(text), "/bin/true"]).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(UsageError);
    const { message } = failure as UsageError;
    expect(message).not.toContain("\n");
    if (typeof expected === "string") expect(message).toBe(expected);
    else expect(message).toMatch(expected);
  });

  test.each(["-m", "--cpus", "--net", "-v"])("%s without its value is refused", async (flag) => {
    await expect(request([flag])).rejects.toThrow(/--[\w-]+: expected a value$/);
  });

  test("every option is used by some case above", () => {
    const names = runOptions.flatMap(({ rows }) =>
      rows.map(({ flags }) => /--([\w-]+)( |$)/.exec(flags)?.[1]),
    );
    const shorts = {
      i: "interactive",
      t: "tty",
      e: "env",
      w: "workdir",
      u: "user",
      h: "hostname",
      l: "label",
      d: "detach",
    };
    const more = { v: "volume", m: "memory", c: "cpu-shares", p: "publish", P: "publish-all" };
    const letters: Readonly<Record<string, string>> = { ...shorts, ...more };
    const used = new Set(
      [...accepted, ...refused].flatMap(([text]) =>
        split(text).map((word) => letters[word.slice(1, 2)] ?? word.split("=")[0]?.slice(2)),
      ),
    );
    used.add("network");
    // These have tests of their own.
    for (const name of [
      "attach",
      "sig-proxy",
      "detach-keys",
      "label-file",
      "env-file",
      "config",
      "trace-setup",
    ])
      used.add(name);
    expect(names.filter((name) => name === undefined || !used.has(name))).toEqual([]);
  });
});

describe("words after the flags", () => {
  const image = (reference: string): RunRequest["root"] => ({ kind: "image", reference, pull: "missing" });
  const cases: readonly (readonly [string, RunRequest["root"], readonly string[]])[] = [
    ["/bin/ls -la", image("lab"), ["/bin/ls", "-la"]],
    ["--net none /bin/ls --net host", image("lab"), ["/bin/ls", "--net", "host"]],
    ["alpine", image("alpine"), []],
    ["alpine:3.20 ls -la", image("alpine:3.20"), ["ls", "-la"]],
    ["alpine -- ls --", image("alpine"), ["ls", "--"]],
    ["-- ls -la", image("lab"), ["ls", "-la"]],
    ["-i -- ls", image("lab"), ["ls"]],
    ["/bin/echo -- x", image("lab"), ["/bin/echo", "--", "x"]],
    ["--rootfs /srv ls -la", { kind: "directory", path: "/srv" }, ["ls", "-la"]],
    ["--rootfs /srv -- ls", { kind: "directory", path: "/srv" }, ["ls"]],
    ["-i", image("lab"), []],
  ];
  test.each(cases)("%s", async (text, root, args) => {
    expect(await request(split(text))).toMatchObject({ root, args });
  });

  test("nothing at all is refused without a terminal, and a shell with one", async () => {
    await expect(request([])).rejects.toThrow("run: expected an image or a command");
    expect(await request([], onTerminal)).toMatchObject({ root: image("lab"), args: [], terminal: true });
  });
});

describe("terminal", () => {
  const cases: readonly (readonly [string, boolean, boolean])[] = [
    ["", true, true],
    ["-it", true, true],
    ["-i", true, false],
    ["-t", false, true],
    ["--tty=false", true, false],
    ["--interactive=false", false, false],
    ["-t=false", true, false],
    ["-i=true -t=true", true, true],
    ["-i=false", false, false],
  ];
  test.each(cases)("on a terminal: %s", async (text, interactive, terminal) => {
    expect(await request([...split(text), "/bin/true"], onTerminal)).toMatchObject({ interactive, terminal });
  });

  test("nothing is implied when only one of stdin and stdout is a terminal", async () => {
    const view = fakeView({}, { stdin: true });
    expect(await request(["/bin/true"], view)).toMatchObject({ interactive: false, terminal: false });
  });

  test("bundled letters, the last with its value", async () => {
    const view = fakeView({}, { stdin: true });
    expect(await request(["-itv", "/srv:/data", "/bin/true"], view)).toMatchObject({
      interactive: true,
      terminal: true,
      mounts: [bind],
    });
  });
});

describe("files of variables and labels", () => {
  test("comments, blank lines, values from the host; -e wins", async () => {
    const view = fakeView({
      "/work/vars": "# a comment\n\n  A=1\nB=two words # kept\nHOME\nNOT_SET\r\nC=\n",
    });
    const { env } = await request(["--env-file", "vars", "-e", "A=2", "/bin/true"], view);
    expect(env).toEqual(["A=1", "B=two words # kept", "HOME=/home/user", "C=", "A=2"]);
  });

  test("a wrong line is named", async () => {
    const view = fakeView({ "/work/vars": "A=1\n\nMY VAR=2\n" });
    await expect(request(["--env-file", "vars", "/bin/true"], view)).rejects.toThrow(
      '--env-file: vars:3: "MY VAR=2": expected NAME or NAME=VALUE, no blanks in the name',
    );
  });

  test("labels", async () => {
    const view = fakeView({ "/work/labels": "a=1\n# no\nb\n" });
    const { labels } = await request(["--label-file", "labels", "--label", "a=2", "/bin/true"], view);
    expect(labels).toEqual({ a: "2", b: "" });
  });
});

describe("any words", () => {
  const flags = runOptions.flatMap(({ rows }) =>
    rows.flatMap((row) => row.flags.match(/-{1,2}[\w-]+/g) ?? []),
  );
  const value = fc.oneof(
    fc.string(),
    fc.string({ unit: "grapheme" }),
    fc.constantFrom(
      "/bin/true",
      "--",
      "-",
      "-it",
      "64m",
      "a=b",
      "a:b:c",
      "host",
      "container:x",
      "=",
      "-1",
      "/a:/b:ro",
    ),
    fc.stringMatching(/^[a-z0-9:=,./-]{0,24}$/),
  );
  const word = fc.oneof(
    fc.constantFrom(...flags),
    value,
    fc.tuple(fc.constantFrom(...flags), value).map(([flag, text]) => `${flag}=${text}`),
    fc.tuple(fc.constantFrom("-i", "-t", "-e", "-m", "-v"), value).map(([flag, text]) => `${flag}${text}`),
  );

  test("make a request or a UsageError of one line, never anything else", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 8 }), fc.boolean(), async (words, terminal) => {
        try {
          const found = await request(words, terminal ? onTerminal : fakeView());
          expect(found.args.every((arg) => !arg.includes("\0"))).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
          expect((error as Error).message).not.toMatch(/[\n\0]/);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("mean the same whether all options are declared or only those that may occur", () => {
    const outcome = (words: readonly string[], all: boolean): unknown => {
      try {
        const parsed = parseRun(words, all);
        return [parsed.words, [...parsed.flags.names()].sort().map((name) => [name, parsed.flags.all(name)])];
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
        return "refused";
      }
    };
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), (words) => {
        expect(outcome(words, false)).toEqual(outcome(words, true));
      }),
      { numRuns: 1000 },
    );
  });
});
