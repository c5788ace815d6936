/** What of the kernel's own file systems a container must not see, and what it may see but not write. */
export interface SystemPaths {
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
}

/**
 * The masked and read-only paths of a container; none for --privileged and --security-opt systempaths=unconfined. A path
 * that this kernel does not have is to be passed over. /sys and the cgroup file system are mounted read-only whole.
 */
export function systemPaths(unconfined: boolean): SystemPaths {
  if (unconfined) return { maskedPaths: [], readonlyPaths: [] };
  return {
    maskedPaths: [
      "/proc/acpi",
      "/proc/asound",
      "/proc/interrupts",
      "/proc/kcore",
      "/proc/keys",
      "/proc/latency_stats",
      "/proc/sched_debug",
      "/proc/scsi",
      "/proc/timer_list",
      "/proc/timer_stats",
      "/sys/firmware",
      "/sys/devices/virtual/powercap",
    ],
    readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
  };
}
