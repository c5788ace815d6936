import type { OciCapabilities, OciDevice, OciDeviceRule, OciRlimit } from "../core/oci.ts";
import type { Instance } from "../core/paths.ts";
import { isRootless } from "../core/rootless.ts";
import { ownProfile } from "./apparmor/name.ts";
import { capabilityMask, heldCapabilities, lastCapability } from "./capabilities.ts";
import { type DeviceLink, defaultDeviceLinks, defaultDevices, deviceRules } from "./devices.ts";
import { resolveCapabilities } from "./grant.ts";
import { allDevices, type FoundDevices, findDevices, type WantedDevice } from "./host-devices.ts";
import { hasAppArmor, hasSelinux, parseSecurityOptions, type SeccompSource } from "./options.ts";
import { systemPaths } from "./paths.ts";
import { clampRlimits, ownHardLimits } from "./rlimits.ts";
import { seccompFilter } from "./seccomp/cache.ts";
import { profileName } from "./seccomp/source.ts";
import type { LabelOptions } from "./selinux.ts";

/** What the user asked, as a run request has it, and who the command runs as. */
export interface SecurityRequest {
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly privileged: boolean;
  readonly securityOptions: readonly string[];
  readonly rlimits: readonly OciRlimit[];
  readonly devices?: readonly WantedDevice[] | undefined;
  readonly deviceRules?: readonly OciDeviceRule[] | undefined;
  /** In the place of the usual paths. */
  readonly maskedPaths?: readonly string[] | undefined;
  readonly readonlyPaths?: readonly string[] | undefined;
  /** uid of the command inside the container. */
  readonly uid: number;
}

/** What this process has to give; read from /proc unless told. */
export interface SecurityHost {
  readonly held: bigint;
  readonly lastCap: number;
  /** Its AppArmor can confine containers. */
  readonly apparmor?: boolean;
}

/** A seccomp profile, not yet compiled. */
interface PlannedSeccomp {
  /** `default`, or the path of a profile. */
  readonly name: string;
  /**
   * struct sock_filter[], compiled or from the cache; `report` is told of each thing that had to be left out.
   * @throws UsageError, SetupError
   */
  readonly filter: (report?: (note: string) => void) => Uint8Array;
}

/** Everything about isolation that a container's plan needs, as data. */
export interface SecurityPlan {
  readonly capabilities: OciCapabilities;
  /** As asked, but no higher than this process may set them. */
  readonly rlimits: readonly OciRlimit[];
  readonly noNewPrivileges: boolean;
  /** The AppArmor profile of the command, {@link ownProfile} for one that has to be loaded; absent: none. */
  readonly apparmorProfile?: string;
  /** It was asked for. */
  readonly apparmorAsked: boolean;
  /** What was asked of labels; undefined on a host without SELinux. */
  readonly label?: LabelOptions;
  readonly seccomp: "unconfined" | PlannedSeccomp;
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
  readonly deviceRules: readonly OciDeviceRule[];
  readonly devices: readonly OciDevice[];
  readonly deviceLinks: readonly DeviceLink[];
  /** One line each, for the user's eyes: what is less than was asked. */
  readonly notes: readonly string[];
}

function fitRlimits(rlimits: readonly OciRlimit[], held: bigint): ReturnType<typeof clampRlimits> {
  // A start without --ulimit reads nothing.
  if (rlimits.length === 0) return { rlimits: [], notes: [] };
  // It is asked for in the first user namespace: kernel/sys.c do_prlimit.
  const free = !isRootless() && (held & capabilityMask(["CAP_SYS_RESOURCE"])) !== 0n;
  return clampRlimits(rlimits, ownHardLimits(), free);
}

/** The nodes of /dev, of which the last at one place counts, and what may be opened. */
function planDevices({ privileged, devices = [], deviceRules: more = [] }: SecurityRequest): FoundDevices {
  const found = devices.length === 0 ? { devices: [], rules: [] } : findDevices(devices);
  if (!privileged && found.devices.length === 0)
    return { devices: defaultDevices(), rules: [...deviceRules(false), ...more] };
  const all = [...(privileged ? allDevices() : []), ...defaultDevices(), ...found.devices];
  const byPath = new Map(all.map((device) => [device.path, device]));
  return {
    devices: [...byPath.values()],
    rules: privileged ? deviceRules(true) : [...deviceRules(false), ...found.rules, ...more],
  };
}

/**
 * Decides how a container is confined. --privileged lifts what no option names: seccomp, no_new_privs, masked paths and
 * the device list; an explicit --security-opt still holds. Touches nothing; only `seccomp.filter()` reads and compiles.
 * @throws UsageError for unknown names and options, SetupError for what this host cannot give.
 */
export function planSecurity(
  instance: Pick<Instance, "root">,
  request: SecurityRequest,
  host: SecurityHost = { held: heldCapabilities(), lastCap: lastCapability(), apparmor: hasAppArmor() },
): SecurityPlan {
  const { privileged } = request;
  const options = parseSecurityOptions(request.securityOptions);
  const { capabilities, notes } = resolveCapabilities({
    add: request.capAdd,
    drop: request.capDrop,
    privileged,
    rootUser: request.uid === 0,
    ...host,
  });
  const fitting = fitRlimits(request.rlimits, host.held);
  // An ordinary user cannot load it.
  const usualProfile = privileged || isRootless() || host.apparmor !== true ? undefined : ownProfile;
  const apparmor = options.apparmor ?? usualProfile;
  const source: SeccompSource = options.seccomp ?? { kind: privileged ? "unconfined" : "default" };
  const usual = systemPaths(privileged || options.systemPathsUnconfined);
  const wanted = planDevices(request);
  return {
    capabilities,
    rlimits: fitting.rlimits,
    noNewPrivileges: options.noNewPrivileges ?? !privileged,
    ...(apparmor === undefined || apparmor === "unconfined" ? {} : { apparmorProfile: apparmor }),
    apparmorAsked: options.apparmor !== undefined,
    ...(hasSelinux() ? { label: options.label } : {}),
    seccomp:
      source.kind === "unconfined"
        ? "unconfined"
        : {
            name: profileName(source),
            filter: (report) => {
              const { program, notes } = seccompFilter(instance, source, capabilities.bounding);
              if (report !== undefined) for (const note of notes) report(note);
              return program;
            },
          },
    maskedPaths: request.maskedPaths ?? usual.maskedPaths,
    readonlyPaths: request.readonlyPaths ?? usual.readonlyPaths,
    deviceRules: wanted.rules,
    devices: wanted.devices,
    deviceLinks: defaultDeviceLinks(),
    notes: [...notes, ...fitting.notes],
  };
}
