import type { RunRequest } from "../../container/request.ts";
import { type Flags, refuse } from "../flags.ts";
import { bytes } from "../number.ts";
import type { OptionTable } from "../option-row.ts";

export const namespaceOptions: OptionTable = {
  heading: "Namespaces:",
  rows: [
    { flags: "--pid <mode>", about: "whose processes it sees: private, host or container:NAME" },
    {
      flags: "--ipc <mode>",
      about: "System V IPC and /dev/shm: private, shareable, none, host or container:NAME",
    },
    { flags: "--uts <mode>", about: "host name: private, host or container:NAME" },
    { flags: "--cgroupns <mode>", about: "what of the cgroups it sees: private or host" },
    {
      flags: "--userns <mode>",
      about: "whose users: host, auto (65536 ids of its own) or UID:GID:SIZE (from these on)",
    },
    {
      flags: "--time-offset <clock=offset,...>",
      about: "move its clocks: boottime=+1d,monotonic=-30s (time namespace)",
    },
  ],
};

export const deviceOptions: OptionTable = {
  heading: "Security:",
  rows: [
    {
      flags: "--device <host[:container[:rwm]]>",
      about: "a device of the host, or a directory of them: /dev/net/tun",
    },
    {
      flags: "--device-cgroup-rule <rule>",
      about: "devices it may open besides, without a node of them: 'c 10:200 rwm'",
    },
    { flags: "--shm-size <bytes>", about: "size of /dev/shm (64m)" },
  ],
};

type Isolation = Pick<RunRequest, "namespaces" | "devices" | "deviceRules" | "shmSize">;

function readShmSize(flags: Flags): Pick<RunRequest, "shmSize"> {
  const given = flags.one("shm-size");
  if (given === undefined) return {};
  const size = bytes(given);
  if (size < 1) refuse(given, "a size above 0 such as 64m");
  if (flags.all("tmpfs").some(({ value }) => /^\/dev\/shm(:|$)/.test(value)))
    refuse(given, "the size in one of --tmpfs /dev/shm:size=... and --shm-size");
  return { shmSize: size };
}

/** Namespaces and devices that are not the usual ones. Only who asks for some loads what reads them. @throws UsageError */
export async function readIsolation(flags: Flags): Promise<Isolation> {
  const given = (names: readonly string[]): boolean => names.some((name) => flags.all(name).length > 0);
  return {
    ...(given(["pid", "ipc", "uts", "cgroupns", "userns", "time-offset"])
      ? (await import("./namespaces.ts")).readNamespaces(flags)
      : {}),
    ...(given(["device", "device-cgroup-rule"]) ? (await import("./devices.ts")).readDevices(flags) : {}),
    ...readShmSize(flags),
  };
}
