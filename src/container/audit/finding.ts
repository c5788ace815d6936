import type { OciSpec } from "../../core/oci.ts";

/** How bad it is: `critical` is as good as root on the host. */
export type Severity = "critical" | "high" | "medium" | "low";

/** What each finding takes off a score of 100. */
export const points: Readonly<Record<Severity, number>> = { critical: 40, high: 20, medium: 10, low: 3 };

/** One thing that a container could do to the host, or to others on it. */
export interface AuditFinding {
  readonly severity: Severity;
  /** What makes it possible: `CAP_SYS_ADMIN`, `/etc on /etc`. */
  readonly subject: string;
  /** What it could do with that. */
  readonly could: string;
  /** What would tighten it: flags. */
  readonly tighten: string;
}

/** What of a container an audit looks at besides its OCI document. */
export interface AuditFacts {
  /** `unconfined`, the name of a profile, or undefined: not known, the document tells. */
  readonly seccomp?: string | undefined;
  /** What of the host's kernel could confine it by a profile or a label; undefined: nothing, or it is not known. */
  readonly module?: "AppArmor" | "SELinux" | undefined;
  /** Ports of the host that lead to it. */
  readonly ports: readonly { readonly address: string; readonly port: number; readonly protocol: string }[];
  /** The directory of named volumes: what lies below it is the container's own. */
  readonly volumes?: string | undefined;
  /** The container's own directory. */
  readonly directory?: string | undefined;
}

/** True where root inside is nobody of the host: a user namespace of its own, which does not map the host's root. */
export function hasOwnUsers({ linux }: Pick<OciSpec, "linux">): boolean {
  const maps = linux.uidMappings ?? [];
  return (
    linux.namespaces.some(({ type }) => type === "user") &&
    !maps.some(({ hostID, size }) => hostID === 0 && size > 0)
  );
}
