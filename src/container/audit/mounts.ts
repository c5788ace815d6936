import type { OciMount, OciSpec } from "../../core/oci.ts";
import type { AuditFacts, AuditFinding, Severity } from "./finding.ts";

interface Place {
  readonly at: RegExp;
  /** When it may be written to, and when not; undefined: nothing to say. */
  readonly writable: Severity;
  readonly readOnly: Severity | undefined;
  readonly could: string;
}

/** Places of a host that are more than files. The first that fits counts. */
const places: readonly Place[] = [
  {
    at: /^\/$/,
    writable: "critical",
    readOnly: "high",
    could: "read, or change, every file of the host",
  },
  {
    at: /(^|\/)(docker|mdocker|containerd|podman|crio)\.sock$|^(\/var)?\/run\/(docker|mdocker|containerd|podman|crio)(\/|$)/,
    writable: "critical",
    // A socket on a read-only mount is as good.
    readOnly: "critical",
    could: "start containers that may do anything on the host",
  },
  {
    at: /^(\/var)?\/run(\/(dbus|systemd)(\/.*)?)?$/,
    writable: "critical",
    readOnly: "high",
    could: "talk to the host's services",
  },
  {
    at: /^\/proc(\/|$)/,
    writable: "critical",
    readOnly: "high",
    could: "reach the host's processes and settings",
  },
  {
    at: /^\/sys(\/|$)/,
    writable: "critical",
    readOnly: "medium",
    could: "reach the host's devices and kernel",
  },
  { at: /^\/dev$/, writable: "critical", readOnly: "high", could: "reach the host's devices" },
  {
    at: /^\/(etc|root|boot|usr|bin|sbin|lib\w*)(\/|$)/,
    writable: "critical",
    readOnly: "medium",
    could: "read the host's settings and secrets, or change its programs",
  },
  {
    at: /^\/var\/(lib|spool)(\/(docker|mdocker|containerd|kubelet|cron)(\/|$)|$)|^\/var$/,
    writable: "critical",
    readOnly: "high",
    could: "read and change what other containers and services have",
  },
  {
    at: /^\/home(\/[^/]+)?$/,
    writable: "high",
    readOnly: "medium",
    could: "read users' keys, or change what they run",
  },
  { at: /^\/var\/log(\/|$)/, writable: "medium", readOnly: "low", could: "read, or change, the host's logs" },
];

const isReadOnly = ({ options = [] }: OciMount): boolean => options.includes("ro");

/** hosts, hostname and resolv.conf of a container of ours. */
const ownFiles = /\/containers\/[0-9a-f]{64}\/(hosts|hostname|resolv\.conf)$/;

function isOwn(source: string, { volumes, directory }: AuditFacts): boolean {
  if (ownFiles.test(source)) return true;
  return [volumes, directory].some((place) => place !== undefined && source.startsWith(`${place}/`));
}

function auditBind(mount: OciMount, facts: AuditFacts): AuditFinding[] {
  const { source = "", destination } = mount;
  const found: AuditFinding[] = [];
  const readOnly = isReadOnly(mount);
  const subject = `${source} on ${destination} (${readOnly ? "ro" : "rw"})`;
  if (mount.options?.some((option) => /^r?shared$/.test(option)))
    found.push({
      severity: "high",
      subject,
      could: "mount over the host's own directories: what it mounts there appears on the host",
      tighten: "rprivate in the place of rshared",
    });
  if (isOwn(source, facts)) return found;
  const place = places.find(({ at }) => at.test(source.replace(/(.)\/+$/, "$1")));
  const severity =
    place === undefined ? (readOnly ? undefined : "low") : readOnly ? place.readOnly : place.writable;
  if (severity === undefined) return found;
  const could = place?.could ?? "change files of the host there";
  const tighten = readOnly
    ? "leave it out, or name a directory below it"
    : `-v ${source}:${destination}:ro, or a named volume`;
  return [...found, { severity, subject, could, tighten }];
}

/** What the mounts of a container lead to. */
export function auditMounts({ mounts, root }: OciSpec, facts: AuditFacts): AuditFinding[] {
  const found = mounts.flatMap((mount): AuditFinding[] => {
    const { type, options = [], destination } = mount;
    // /dev/shm of the host, or of another: told of by its namespace.
    if (destination === "/dev/shm") return [];
    if (type === "bind" || options.some((option) => /^r?bind$/.test(option))) return auditBind(mount, facts);
    if ((type === "sysfs" || type === "cgroup" || type === "cgroup2") && !isReadOnly(mount)) {
      const what = type === "sysfs" ? "change devices and settings of the kernel" : "change its own limits";
      return [
        { severity: "high", subject: `${destination} (rw)`, could: what, tighten: "leave out --privileged" },
      ];
    }
    return [];
  });
  if (root.readonly !== true)
    found.push({
      severity: "low",
      subject: "a writable root",
      could: "fill the disk that containers share, and keep what it has planted",
      tighten: "--read-only, and --tmpfs for what it writes",
    });
  return found;
}
