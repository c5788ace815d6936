import type { OciSpec } from "../core/oci.ts";
import { expectValue } from "../program/calls/check.ts";
import { close, open, write } from "../program/calls/file.ts";
import { cell } from "../program/data.ts";
import { openFlags } from "../program/flags.ts";
import type { ProgramBuilder } from "../program/step.ts";

const PROC_SUPER_MAGIC = 0x9fa0n;

/** The mount option that gives all files of a mount this label of SELinux; it has commas in it. */
export function contextOption(label: string): string {
  return `context="${label}"`;
}

/** Writes what the next execve is to have to a file of our own, which has to be procfs, whatever is mounted there (CVE-2019-19921). */
function writeAttribute(
  builder: ProgramBuilder,
  file: string,
  value: string,
  { reason, label }: { readonly reason: string; readonly label: string },
): void {
  const fd = builder.add("launch", open(file, openFlags.O_WRONLY, { reason, label }));
  const about = cell(128);
  builder.add("launch", {
    kind: "syscall",
    call: "fstatfs",
    args: [fd, about],
    text: () => "fstatfs(fd, &about)",
    reason: "nothing but procfs is written to",
    label,
  });
  const data = { data: about, width: 8 as const, value: PROC_SUPER_MAGIC };
  const text = "about.f_type == PROC_SUPER_MAGIC";
  builder.add("launch", expectValue({ ...data, errno: "EXDEV", text, reason: "it is procfs", label }));
  builder.add("launch", write(fd, value, { reason, label }));
  builder.add("launch", close(fd, "written"));
}

/**
 * Has AppArmor and SELinux confine the command from its execve on, where it has a profile or a label: the launcher says
 * so of itself, before it comes near the container, and whom it clones has it from it (aa_dup_task_ctx,
 * selinux_cred_prepare).
 */
export function labelCommand(
  builder: ProgramBuilder,
  { apparmorProfile, selinuxLabel }: Pick<OciSpec["process"], "apparmorProfile" | "selinuxLabel">,
): void {
  if (apparmorProfile !== undefined)
    writeAttribute(builder, "/proc/self/attr/apparmor/exec", `exec ${apparmorProfile}`, {
      reason: "AppArmor confines the command",
      label: `--security-opt apparmor=${apparmorProfile}`,
    });
  if (selinuxLabel !== undefined)
    writeAttribute(builder, "/proc/self/attr/exec", selinuxLabel, {
      reason: "SELinux confines the command",
      label: `label ${selinuxLabel} of SELinux`,
    });
}
