import { cpus, hostname, machine, release, totalmem } from "node:os";
import { detectCgroups, managerOf } from "../../../cgroup/host.ts";
import { listImages } from "../../../rootfs/image-store.ts";
import { readTextIfAny } from "../../core/atomic.ts";
import { MdockerError } from "../../core/errors.ts";
import { versionText } from "../../core/version-text.ts";
import { hasAppArmor, hasSelinux } from "../../security/options.ts";
import type { Engine } from "../engine.ts";
import { osRelease } from "./host.ts";

/** The version of cgroups, and what they can limit here. */
function describeCgroups(): object {
  let has: (controller: string) => boolean = () => false;
  let version = "2";
  let manager = "cgroupfs";
  const warnings: string[] = [];
  try {
    const cgroups = detectCgroups();
    manager = managerOf(cgroups);
    version = cgroups.driver === "v2" ? "2" : "1";
    has = (controller) => cgroups.controllers.has(controller);
  } catch (error) {
    if (!(error instanceof MdockerError)) throw error;
    warnings.push(`WARNING: ${error.message}`);
  }
  return {
    CgroupDriver: manager,
    CgroupVersion: version,
    MemoryLimit: has("memory"),
    SwapLimit: has("memory"),
    CpuCfsPeriod: has("cpu"),
    CpuCfsQuota: has("cpu"),
    CPUShares: has("cpu"),
    CPUSet: has("cpuset"),
    PidsLimit: has("pids"),
    OomKillDisable: false,
    Warnings: warnings,
  };
}

/** How many containers there are, and in which state. */
function countContainers(engine: Engine): object {
  const states = engine.list().map(({ state }) => state);
  const running = states.filter((state) => state === "running" || state === "restarting").length;
  const paused = states.filter((state) => state === "paused").length;
  return {
    Containers: states.length,
    ContainersRunning: running,
    ContainersPaused: paused,
    ContainersStopped: states.length - running - paused,
  };
}

/** True when a file of one number holds 1. */
function kernelSwitch(path: string): boolean {
  return readTextIfAny(path)?.trim() === "1";
}

/** GET /info: the document that `docker info` prints as the server's half. */
export function describeSystem(engine: Engine, remapped: boolean): object {
  const { instance } = engine;
  const os = osRelease();
  return {
    ID: `${hostname()}:${instance.prefix}`,
    ...countContainers(engine),
    Images: listImages(instance).length,
    Driver: "overlay2",
    DriverStatus: [["Backing Filesystem", "overlayfs"]],
    SystemStatus: null,
    Plugins: {
      Volume: ["local"],
      Network: ["bridge", "host", "null"],
      Authorization: null,
      Log: ["json-file", "none"],
    },
    ...describeCgroups(),
    // A network that is brought up switches it on.
    IPv4Forwarding: true,
    BridgeNfIptables: kernelSwitch("/proc/sys/net/bridge/bridge-nf-call-iptables"),
    BridgeNfIp6tables: kernelSwitch("/proc/sys/net/bridge/bridge-nf-call-ip6tables"),
    Debug: false,
    NFd: 0,
    NGoroutines: 0,
    NEventsListener: engine.events.listening,
    SystemTime: new Date().toISOString(),
    LoggingDriver: "json-file",
    KernelVersion: release(),
    OperatingSystem: os.get("PRETTY_NAME") ?? "Linux",
    OSVersion: os.get("VERSION_ID") ?? "",
    OSType: "linux",
    Architecture: machine(),
    NCPU: cpus().length,
    MemTotal: totalmem(),
    IndexServerAddress: "https://index.docker.io/v1/",
    RegistryConfig: { InsecureRegistryCIDRs: [], IndexConfigs: {}, Mirrors: [] },
    GenericResources: null,
    DockerRootDir: instance.root,
    HttpProxy: "",
    HttpsProxy: "",
    NoProxy: "",
    Name: hostname(),
    Labels: [],
    ExperimentalBuild: false,
    ServerVersion: versionText(),
    Runtimes: { mdocker: { path: "mdocker" } },
    DefaultRuntime: "mdocker",
    Swarm: {
      NodeID: "",
      NodeAddr: "",
      LocalNodeState: "inactive",
      ControlAvailable: false,
      Error: "",
      RemoteManagers: null,
    },
    LiveRestoreEnabled: true,
    Isolation: "",
    InitBinary: "init",
    ContainerdCommit: { ID: "", Expected: "" },
    RuncCommit: { ID: "", Expected: "" },
    InitCommit: { ID: "", Expected: "" },
    SecurityOptions: [
      "name=seccomp,profile=builtin",
      ...(hasAppArmor() ? ["name=apparmor"] : []),
      ...(hasSelinux() ? ["name=selinux"] : []),
      ...(remapped ? ["name=userns"] : []),
    ],
  };
}
