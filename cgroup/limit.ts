/** A file of the container's own cgroup and what is written into it, one write(2) each. */
export interface LimitTarget {
  readonly file: string;
  readonly values: readonly string[];
}

/** One limit as files: pure data, not yet bound to a host or a container. */
export interface Limit {
  /** Controller it needs, by the kernel's name on this driver. */
  readonly controller: string;
  /** The option that asked for it. */
  readonly option: string;
  /** The first of these files that exists is written: kernels differ. */
  readonly targets: readonly LimitTarget[];
  readonly reason: string;
}

/** A limit with one file and one value. */
export function limit(
  option: string,
  controller: string,
  file: string,
  value: string | number,
  reason: string,
): Limit {
  return { controller, option, reason, targets: [{ file, values: [String(value)] }] };
}
