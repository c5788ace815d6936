import type { OciResources, OciThrottleDevice, OciWeightDevice } from "../../core/oci.ts";
import { type Flags, type Given, refuse } from "../flags.ts";
import type { HostView } from "../host-view.ts";
import { bytes, wholeNumber } from "../number.ts";
import type { OptionTable } from "../option-row.ts";

export const blockIoOptions: OptionTable = {
  heading: "Limits:",
  rows: [
    { flags: "--blkio-weight <number>", about: "share of disk time: 10 to 1000" },
    { flags: "--blkio-weight-device <device:weight>", about: "the same for one disk" },
    { flags: "--device-read-bps <device:rate>", about: "bytes a second read from a disk: /dev/sda:1m" },
    { flags: "--device-write-bps <device:rate>", about: "bytes a second written to it" },
    { flags: "--device-read-iops <device:rate>", about: "reads a second" },
    { flags: "--device-write-iops <device:rate>", about: "writes a second" },
  ],
};

/** The device and the value after the last colon; the value with the device's place in errors. */
function splitDevice(given: Given, view: HostView): { major: number; minor: number; rest: Given } {
  const colon = given.value.lastIndexOf(":");
  const path = given.value.slice(0, Math.max(0, colon));
  if (!path.startsWith("/") || path.includes("\0")) refuse(given, "DEVICE:VALUE, such as /dev/sda:1m");
  const device = view.blockDevice(path);
  if (device === undefined) return refuse(given, `${path} to be a block device of this host`);
  return { ...device, rest: { value: given.value.slice(colon + 1), from: `${given.from} ${path}` } };
}

function throttles(
  flags: Flags,
  name: string,
  view: HostView,
  parse: (given: Given) => number,
): OciThrottleDevice[] {
  return flags.all(name).map((given) => {
    const { major, minor, rest } = splitDevice(given, view);
    return { major, minor, rate: parse(rest) };
  });
}

/** Disk limits; undefined when none was asked for. @throws UsageError */
export function readBlockIo(flags: Flags, view: HostView): OciResources["blockIO"] | undefined {
  const given = flags.one("blkio-weight");
  const weight = given === undefined ? 0 : wholeNumber(given, 0, 1000);
  if (given !== undefined && weight > 0 && weight < 10) refuse(given, "10 to 1000, or 0 for the default");
  const weightDevice: OciWeightDevice[] = flags.all("blkio-weight-device").map((entry) => {
    const { major, minor, rest } = splitDevice(entry, view);
    return { major, minor, weight: wholeNumber(rest, 10, 1000) };
  });
  // 0 is no limit: how an update takes one back.
  const operations = (entry: Given): number => wholeNumber(entry, 0);
  const found = {
    weightDevice,
    throttleReadBpsDevice: throttles(flags, "device-read-bps", view, bytes),
    throttleWriteBpsDevice: throttles(flags, "device-write-bps", view, bytes),
    throttleReadIOPSDevice: throttles(flags, "device-read-iops", view, operations),
    throttleWriteIOPSDevice: throttles(flags, "device-write-iops", view, operations),
  };
  const lists = Object.entries(found).filter(([, list]) => list.length > 0);
  if (lists.length === 0 && weight === 0) return undefined;
  return { ...(weight === 0 ? {} : { weight }), ...Object.fromEntries(lists) };
}
