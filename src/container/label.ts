import { expectValue } from "../program/calls/check.ts";
import { close, open, write } from "../program/calls/file.ts";
import { cell } from "../program/data.ts";
import { openFlags } from "../program/flags.ts";
import type { ProgramBuilder } from "../program/step.ts";

const PROC_SUPER_MAGIC = 0x9fa0n;

/**
 * Has AppArmor confine the command by a profile from its execve on: the launcher says so of itself, before it comes near
 * the container, and whom it clones has it from it (aa_dup_task_ctx). What is written to has to be procfs, whatever is
 * mounted there (CVE-2019-19921).
 */
export function labelCommand(builder: ProgramBuilder, profile: string): void {
  const [reason, label] = ["AppArmor confines the command", `--security-opt apparmor=${profile}`];
  const file = "/proc/self/attr/apparmor/exec";
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
  builder.add("launch", write(fd, `exec ${profile}`, { reason, label }));
  builder.add("launch", close(fd, "written"));
}
