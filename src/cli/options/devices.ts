import { posix } from "node:path";
import type { DeviceRequest, RunRequest } from "../../container/request.ts";
import type { OciDeviceRule } from "../../core/oci.ts";
import { type Flags, type Given, refuse } from "../flags.ts";
import { field } from "../number.ts";

const accessPattern = /^(?!.*(.).*\1)[rwm]{1,3}$/;
/** What is mounted there later would hide a node. */
const mounted = /^\/dev\/(pts|shm|mqueue)(\/|$)/;

function parseDevice(given: Given): DeviceRequest {
  const pieces = given.value.split(":");
  const [source = "", second, third] = pieces;
  if (pieces.length > 3 || !source.startsWith("/") || given.value.includes("\0"))
    return refuse(given, "HOST[:CONTAINER[:rwm]], with absolute paths: /dev/net/tun:/dev/net/tun:rw");
  // docker's: a second part that is no path is what may be done with it.
  const [to, access] =
    second !== undefined && third === undefined && accessPattern.test(second)
      ? [source, second]
      : [second === undefined || second === "" ? source : second, third ?? "rwm"];
  if (!accessPattern.test(access))
    refuse(given, "some of r (read), w (write) and m (mknod) as the last part");
  const target = posix.normalize(to);
  if (!target.startsWith("/dev/") || target === "/dev/" || mounted.test(target))
    refuse(given, "a path below /dev for it in the container, but not in /dev/pts, /dev/shm or /dev/mqueue");
  return { source: posix.normalize(source), target: target.replace(/\/$/, ""), access };
}

const number = (text: string): Partial<Record<"value", number>> =>
  text === "*" ? {} : { value: Number(text) };

function parseRule(given: Given): OciDeviceRule {
  const [, type = "", major = "", minor = "", access = ""] =
    /^([acb]) (\d{1,9}|\*):(\d{1,9}|\*) ([rwm]{1,3})$/.exec(given.value) ?? [];
  if (type === "" || !accessPattern.test(access))
    return refuse(given, "TYPE MAJOR:MINOR ACCESS, such as 'c 10:200 rwm' or 'b *:* r'");
  return {
    allow: true,
    type: type as "a" | "b" | "c",
    ...field("major", number(major).value),
    ...field("minor", number(minor).value),
    access,
  };
}

/** The devices asked for; of several at one place the last counts. @throws UsageError */
export function readDevices(flags: Flags): Pick<RunRequest, "devices" | "deviceRules"> {
  const devices = [
    ...new Map(
      flags
        .all("device")
        .map(parseDevice)
        .map((device) => [device.target, device]),
    ).values(),
  ];
  const rules = flags.all("device-cgroup-rule").map(parseRule);
  return {
    ...field("devices", devices.length === 0 ? undefined : devices),
    ...field("deviceRules", rules.length === 0 ? undefined : rules),
  };
}
