import { text } from "../data.ts";
import { decodeFlags, mountFlags } from "../flags.ts";
import type { Step } from "../step.ts";

/** What mount(2) is asked; paths are as the calling process sees them at that moment. */
export interface MountCall {
  readonly source: string;
  readonly target: string;
  readonly type?: string;
  readonly flags: number;
  readonly options?: string;
  readonly reason: string;
  readonly tolerate?: readonly string[];
  readonly label?: string;
}

/** mount(2). */
export function mount({ source, target, type, flags, options, reason, tolerate, label }: MountCall): Step {
  return {
    kind: "syscall",
    call: "mount",
    args: [
      text(source),
      text(target),
      type === undefined ? 0 : text(type),
      flags,
      options === undefined ? 0 : text(options),
    ],
    tolerate,
    text: () => {
      const shown = [source, target, type ?? "", options ?? ""].map((value) => JSON.stringify(value));
      return `mount(${shown[0]}, ${shown[1]}, ${shown[2]}, ${decodeFlags(flags, mountFlags)}, ${shown[3]})`;
    },
    reason,
    label: label ?? `mount ${type ?? source} on ${target}`,
  };
}

const MNT_DETACH = 2;

/** umount2(2) with MNT_DETACH: gone from sight at once, freed when the last user has left. */
export function detach(target: string, reason: string): Step {
  return {
    kind: "syscall",
    call: "umount2",
    args: [text(target), MNT_DETACH],
    text: () => `umount2(${JSON.stringify(target)}, MNT_DETACH)`,
    reason,
    label: `detach ${target}`,
  };
}

/** pivot_root(2) with both directories the current one: the old root lands on top of the new and can be detached. */
export function pivotRoot(reason: string): Step {
  return {
    kind: "syscall",
    call: "pivot_root",
    args: [text("."), text(".")],
    text: () => 'pivot_root(".", ".")',
    reason,
    label: "make the container's root the root",
  };
}
