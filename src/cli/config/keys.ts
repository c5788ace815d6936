/**
 * What a value of a config file may look like:
 * - `text`: one text, number or true/false
 * - `list`: one text, or a list of them
 * - `pairs`: a mapping of names to texts, or a list of `name=value`
 * - `limits`: as `pairs`, the values also `{soft, hard}`
 * - `mounts`: a list of --mount texts, or of mappings of its keys
 * - `words`: a text that is split as a shell would, or a list
 */
type Shape = "text" | "list" | "pairs" | "limits" | "mounts" | "words";

/** A key, the flag it stands for, and the shape of its value. */
export interface ConfigKey {
  readonly flag: string;
  readonly shape: Shape;
  /** A value beginning a list of its own on the command line, too: file and flags add up. */
  readonly adds?: boolean;
}

const text = (flag: string): ConfigKey => ({ flag, shape: "text" });
const list = (flag: string): ConfigKey => ({ flag, shape: "list", adds: true });
const pairs = (flag: string): ConfigKey => ({ flag, shape: "pairs", adds: true });

/** Keys of the document itself. */
export const topKeys: ReadonlyMap<string, ConfigKey> = new Map([
  ["rootfs", text("rootfs")],
  ["image", text("image")],
  ["pull", text("pull")],
  ["command", { flag: "command", shape: "words" }],
  ["args", { flag: "args", shape: "words" }],
  ["entrypoint", text("entrypoint")],
  ["name", text("name")],
  ["hostname", text("hostname")],
  ["env", pairs("env")],
  ["env_file", list("env-file")],
  ["workdir", text("workdir")],
  ["user", text("user")],
  ["group_add", list("group-add")],
  ["umask", text("umask")],
  ["init", text("init")],
  ["oom_score_adj", text("oom-score-adj")],
  ["nice", text("nice")],
  ["ioprio", text("ioprio")],
  ["keep", text("keep")],
  ["detach", text("detach")],
  ["restart", text("restart")],
  ["health_cmd", text("health-cmd")],
  ["health_interval", text("health-interval")],
  ["health_timeout", text("health-timeout")],
  ["health_start_period", text("health-start-period")],
  ["health_retries", text("health-retries")],
  ["no_healthcheck", text("no-healthcheck")],
  ["stop_signal", text("stop-signal")],
  ["stop_timeout", text("stop-timeout")],
  ["log_driver", text("log-driver")],
  ["log_opt", pairs("log-opt")],
  ["labels", pairs("label")],
  ["network", { flag: "network", shape: "list" }],
  ["network_alias", list("network-alias")],
  ["ip", text("ip")],
  ["ip6", text("ip6")],
  ["link_local_ip", list("link-local-ip")],
  ["mac_address", text("mac-address")],
  ["ports", list("publish")],
  ["publish_all", text("publish-all")],
  ["expose", list("expose")],
  ["dns", list("dns")],
  ["dns_search", list("dns-search")],
  ["dns_option", list("dns-option")],
  ["extra_hosts", pairs("add-host")],
  ["volumes", list("volume")],
  ["mounts", { flag: "mount", shape: "mounts", adds: true }],
  ["tmpfs", list("tmpfs")],
  ["read_only", text("read-only")],
  ["ulimits", { flag: "ulimit", shape: "limits", adds: true }],
  ["sysctls", pairs("sysctl")],
  ["cap_add", list("cap-add")],
  ["cap_drop", list("cap-drop")],
  ["privileged", text("privileged")],
  ["security_opt", list("security-opt")],
  ["pid", text("pid")],
  ["ipc", text("ipc")],
  ["uts", text("uts")],
  ["cgroupns", text("cgroupns")],
  ["userns", text("userns")],
  ["time_offset", { flag: "time-offset", shape: "pairs", adds: true }],
  ["devices", list("device")],
  ["device_cgroup_rules", list("device-cgroup-rule")],
  ["shm_size", text("shm-size")],
]);

/** Keys below `cgroups:`. */
export const cgroupKeys: ReadonlyMap<string, ConfigKey> = new Map([
  ["memory", text("memory")],
  ["memory_swap", text("memory-swap")],
  ["memory_reservation", text("memory-reservation")],
  ["memory_high", text("memory-high")],
  ["memory_min", text("memory-min")],
  ["memory_swappiness", text("memory-swappiness")],
  ["hugetlb_limit", pairs("hugetlb-limit")],
  ["oom_group", text("oom-group")],
  ["cgroup_conf", pairs("cgroup-conf")],
  ["oom_kill_disable", text("oom-kill-disable")],
  ["cpus", text("cpus")],
  ["cpu_shares", text("cpu-shares")],
  ["cpu_quota", text("cpu-quota")],
  ["cpu_period", text("cpu-period")],
  ["cpu_rt_runtime", text("cpu-rt-runtime")],
  ["cpu_rt_period", text("cpu-rt-period")],
  ["cpuset", text("cpuset-cpus")],
  ["cpuset_mems", text("cpuset-mems")],
  ["pids", text("pids-limit")],
  ["blkio_weight", text("blkio-weight")],
  ["blkio_weight_device", list("blkio-weight-device")],
  ["device_read_bps", list("device-read-bps")],
  ["device_write_bps", list("device-write-bps")],
  ["device_read_iops", list("device-read-iops")],
  ["device_write_iops", list("device-write-iops")],
]);

function upper(keys: ReadonlyMap<string, ConfigKey>): [string, ConfigKey][] {
  return [...keys].map(([name, key]) => [name.toUpperCase(), key]);
}

/** Keys of the KEY=VALUE form; there is also `ENV_name`. */
export const lineKeys: ReadonlyMap<string, ConfigKey> = new Map([
  ...upper(topKeys),
  ...upper(cgroupKeys),
  ["MEM_LIMIT", text("memory")],
  ["PIDS_LIMIT", text("pids-limit")],
  ["VOLUME", list("volume")],
  ["MOUNT", list("mount")],
  ["LABEL", pairs("label")],
  ["SYSCTL", pairs("sysctl")],
  ["ULIMIT", list("ulimit")],
]);

/** Flags that the file and the command line fill together. */
export const addingFlags: ReadonlySet<string> = new Set(
  [...topKeys.values(), ...cgroupKeys.values()].filter((key) => key.adds).map((key) => key.flag),
);
