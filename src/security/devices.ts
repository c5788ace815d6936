import type { OciDevice, OciDeviceRule } from "../core/oci.ts";

/** A symbolic link of /dev. */
export interface DeviceLink {
  readonly path: string;
  readonly target: string;
}

function character(path: string, major: number, minor: number): OciDevice {
  return { type: "c", path, major, minor, fileMode: 0o666, uid: 0, gid: 0 };
}

/** The device nodes of every container: Documentation/admin-guide/devices.txt. */
export function defaultDevices(): OciDevice[] {
  return [
    character("/dev/null", 1, 3),
    character("/dev/zero", 1, 5),
    character("/dev/full", 1, 7),
    character("/dev/random", 1, 8),
    character("/dev/urandom", 1, 9),
    character("/dev/tty", 5, 0),
  ];
}

/** The links of every container's /dev. /dev/ptmx leads to the container's own devpts, never to the host's. */
export function defaultDeviceLinks(): DeviceLink[] {
  return [
    { path: "/dev/fd", target: "/proc/self/fd" },
    { path: "/dev/stdin", target: "/proc/self/fd/0" },
    { path: "/dev/stdout", target: "/proc/self/fd/1" },
    { path: "/dev/stderr", target: "/proc/self/fd/2" },
    { path: "/dev/ptmx", target: "pts/ptmx" },
  ];
}

/**
 * What the container's cgroup lets it open and create. First everything is denied, then the default devices, the
 * console, and the terminals of a devpts (major 136) are allowed. mknod(2) of any other device is denied as well:
 * a node that cannot be opened serves nobody. Privileged: everything.
 */
export function deviceRules(privileged: boolean): OciDeviceRule[] {
  if (privileged) return [{ allow: true, type: "a", access: "rwm" }];
  const allow = (major: number, minor: number): OciDeviceRule => ({
    allow: true,
    type: "c",
    major,
    minor,
    access: "rwm",
  });
  return [
    { allow: false, type: "a", access: "rwm" },
    ...defaultDevices().map((device) => allow(device.major, device.minor)),
    allow(5, 1), // /dev/console
    allow(5, 2), // /dev/ptmx, pts/ptmx
    { allow: true, type: "c", major: 136, access: "rwm" }, // /dev/pts/*
  ];
}
