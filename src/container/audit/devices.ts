import type { OciDevice, OciDeviceRule, OciSpec } from "../../core/oci.ts";
import { defaultDevices, deviceRules } from "../../security/devices.ts";
import type { AuditFinding, Severity } from "./finding.ts";

/** Devices by number, Documentation/admin-guide/devices.txt. */
const known: ReadonlyMap<string, readonly [Severity, string]> = new Map<string, readonly [Severity, string]>([
  ["c 1:1", ["critical", "read and change the memory of the machine"]],
  ["c 1:2", ["critical", "read and change the memory of the kernel"]],
  ["c 1:4", ["critical", "use the ports of the machine"]],
  ["c 1:11", ["medium", "read and forge the kernel's messages"]],
  ["c 10:200", ["low", "make tunnels in its network namespace"]],
  ["c 10:229", ["low", "serve file systems of its own (FUSE)"]],
  ["c 10:232", ["medium", "run virtual machines, by much code of the kernel"]],
  ["c 10:237", ["high", "make block devices of files"]],
]);

const defaults: ReadonlySet<string> = new Set([
  ...defaultDevices().map(({ type, major, minor }) => `${type} ${major}:${minor}`),
  ...deviceRules(false).flatMap(({ allow, type, major, minor }) =>
    allow ? [`${type ?? "a"} ${major ?? "*"}:${minor ?? "*"}`] : [],
  ),
]);

/** So many are named one by one; a privileged container has all. */
const mostNamed = 8;

function describe(key: string, name: string | undefined, access: string): AuditFinding {
  const [severity, could]: readonly [Severity, string] =
    known.get(key) ??
    (key.startsWith("b ")
      ? ["critical", "read and change a disk of the host below its file systems"]
      : key.includes("*")
        ? ["high", "use every device of this kind"]
        : ["medium", "use a device of the host"]);
  const tighten = name === undefined ? "leave out --device-cgroup-rule" : `leave out --device ${name}`;
  return { severity, subject: `${name ?? "devices"} (${key}, ${access})`, could, tighten };
}

const keyOf = ({ type = "a", major, minor }: OciDeviceRule): string =>
  `${type} ${major ?? "*"}:${minor ?? "*"}`;

/** Later rules win: what is allowed after the last one that denies all. */
function effective(rules: readonly OciDeviceRule[]): readonly OciDeviceRule[] {
  const total = rules.findLastIndex(
    ({ allow, type = "a", major, minor }) =>
      !allow && type === "a" && major === undefined && minor === undefined,
  );
  return rules.slice(total + 1).filter(({ allow }) => allow);
}

/** Which devices a container may use besides those that all have. */
export function auditDevices({ linux }: OciSpec): AuditFinding[] {
  const rules = linux.resources?.devices;
  const everything =
    rules === undefined ||
    effective(rules).some(({ type = "a", major }) => type === "a" && major === undefined);
  if (everything) {
    const could = "use every device of the host: disks, memory, terminals";
    return [
      {
        severity: "critical",
        subject: "all devices",
        could,
        tighten: "leave out --privileged, and name devices by --device",
      },
    ];
  }
  const names = new Map<string, OciDevice>();
  for (const device of linux.devices ?? [])
    names.set(`${device.type} ${device.major}:${device.minor}`, device);
  const found = effective(rules)
    .filter((rule) => !defaults.has(keyOf(rule)))
    .map((rule) => describe(keyOf(rule), names.get(keyOf(rule))?.path, rule.access ?? "rwm"));
  const more = found.length - mostNamed;
  if (more <= 0) return found;
  const rest = {
    severity: "medium",
    subject: `${more} more devices`,
    could: "use devices of the host",
    tighten: "name fewer by --device",
  } as const;
  return [...found.slice(0, mostNamed), rest];
}
