import { dirname } from "node:path";
import type { OverlayPlan } from "../../overlay/layers.ts";
import { close, mkdir, open, write } from "../program/calls/file.ts";
import { text } from "../program/data.ts";
import { openFlags } from "../program/flags.ts";
import type { ProgramBuilder, Step } from "../program/step.ts";

/** What there is to take away when a container has ended. */
export interface Remains {
  /** Its cgroup in each hierarchy. */
  readonly cgroupDirectories: readonly string[];
  /** What is removed with it: `names` are the files of its directory. Absent when it is kept. */
  readonly files?:
    | (Pick<OverlayPlan, "work" | "upper" | "merged" | "directory"> & { readonly names: readonly string[] })
    | undefined;
  /** What the monitor makes when mdocker itself is gone; absent when the container lives on without. */
  readonly orphanNote: string | undefined;
  /** cgroup.kill of a container (v2) whose processes do not end with its init; undefined for all others. */
  readonly killFile?: string | undefined;
}

const AT_FDCWD = -100;
const AT_REMOVEDIR = 0x200;

/** unlinkat(2) below the directory that descriptor `at` stands for. */
export function removeAt(at: number, path: string, directory: boolean, reason: string): Step {
  const shown = directory ? "AT_REMOVEDIR" : "0";
  return {
    kind: "syscall",
    call: "unlinkat",
    args: [at, text(path), directory ? AT_REMOVEDIR : 0],
    text: () => `unlinkat(${at === AT_FDCWD ? "AT_FDCWD" : at}, ${JSON.stringify(path)}, ${shown})`,
    reason,
    label: `remove ${path}`,
  };
}

function remove(path: string, directory: boolean, reason: string): Step {
  return removeAt(AT_FDCWD, path, directory, reason);
}

/** The container's files, layer first: one that was written to ends it, and all stays. */
function removeFiles(files: Remains["files"]): Step[] {
  if (files === undefined) return [];
  const { work, upper, merged, directory, names } = files;
  const reason = "nothing is left behind";
  // What the kernel leaves of a volatile overlay (fs/overlayfs/super.c).
  const volatile = `${work}/work/incompat/volatile`;
  const rest = [
    ...names.map((name) => remove(`${directory}/${name}`, false, reason)),
    remove(directory, true, reason),
  ];
  const written = { tolerate: ["ENOTEMPTY", "EEXIST"], skip: rest.length };
  return [
    remove(`${volatile}/dirty`, false, reason),
    ...[volatile, `${work}/work/incompat`, `${work}/work`, work, merged].map((path) =>
      remove(path, true, reason),
    ),
    { ...remove(upper, true, "the container's own layer, if nothing was written to it"), ...written },
    ...rest,
  ];
}

/**
 * What the monitor takes away when the container has ended: its cgroup and, unless it is kept, its files. It does so in
 * a tenth of the time that mdocker would need. A layer that was written to is not empty: it stays for mdocker, and the
 * record with it. Last, for the case that mdocker itself is gone, a note for the next command.
 */
export function addAfter(builder: ProgramBuilder, facts: Remains): void {
  const files = removeFiles(facts.files);
  if (facts.killFile !== undefined) {
    const reason = "nothing outlives the container, though init was no pid 1";
    const label = "end all processes";
    // Before Linux 5.14 there is none: mdocker kills them one by one.
    const fd = builder.add(
      "after",
      open(facts.killFile, openFlags.O_WRONLY, { reason, label, tolerate: ["ENOENT"], skip: 2 }),
    );
    builder.add("after", write(fd, "1", { reason, label }));
    builder.add("after", close(fd, "written"));
  }
  facts.cgroupDirectories.forEach((path, i) => {
    // A container that may has made cgroups of its own below: that is mdocker's to remove, and so is all the rest.
    const skip = 2 * (facts.cgroupDirectories.length - i) - 1 + files.length;
    const kept = { tolerate: ["EBUSY", "ENOTEMPTY"], skip };
    builder.add("after", { ...remove(path, true, "no process is in it any more"), ...kept });
    builder.add("after", remove(dirname(path), true, "unless other containers are in it"));
  });
  builder.addAll("after", files);
  if (facts.orphanNote === undefined) return;
  const reason = "only if mdocker itself is gone: the next command finds this note and removes the rest";
  builder.add("alone", mkdir(dirname(facts.orphanNote), 0o700, reason));
  builder.add("alone", mkdir(facts.orphanNote, 0o700, reason));
}
