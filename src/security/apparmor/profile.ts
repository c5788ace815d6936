import { createHash } from "node:crypto";
import { ownProfile } from "./name.ts";

/**
 * What may be written below /proc/sys: what belongs to namespaces of the container's own. Paths are matched from their
 * beginning, and a refusal cannot be taken back by another rule, so that each line says what is left at one letter.
 */
const sysctlRefusals: readonly string[] = [
  "{[^fknu],f[^s],k[^e],n[^e],u[^s]}**",
  // mqueue, of the IPC namespace: but not mount-max.
  "fs/{[^m],m[^q]}**",
  // domainname, hostname, msg*, sem*, shm*: but not hotplug, modprobe, seccomp.
  "kernel/[^dhms]**",
  "kernel/{d[^o],do[^m],h[^o],ho[^s],m[^s],s[^eh],se[^m],sh[^m]}**",
];

/** Files right below /proc that belong to the kernel, and its folders that are no process. */
const procRefusals: readonly string[] = [
  "*",
  "{acpi,asound,bus,driver,dynamic_debug,fs,irq,mpt,pressure,scsi,tty}/**",
];

/** /sys but for the container's own view of cgroups. */
const sysRefusals = "{[^f],f[^s],fs[^/],fs/[^c],fs/c[^g]}**";

function rules(signalsOutside: boolean): readonly string[] {
  return [
    // What is not refused below is the matter of capabilities, seccomp and namespaces.
    "file,",
    "network,",
    "unix,",
    "capability,",
    // Whoever is outside may do with it what his own profile lets him do.
    "signal (receive),",
    "ptrace (readby, tracedby),",
    `signal (send) peer=${ownProfile}*,`,
    `ptrace (read, trace) peer=${ownProfile}*,`,
    // Its init is mdocker's, and not confined.
    ...(signalsOutside ? [] : ["signal (send) peer=unconfined,"]),
    ...procRefusals.map((path) => `deny /proc/${path} w,`),
    ...sysctlRefusals.map((path) => `deny /proc/sys/${path} w,`),
    "deny /proc/{kcore,keys,kmem,kmsg,mem,sysrq-trigger} rwklx,",
    `deny /sys/${sysRefusals} wklx,`,
    "deny /sys/{firmware,kernel/debug,kernel/security,kernel/tracing,devices/virtual/powercap}/** rwklx,",
    // mount, umount, pivot_root and change_profile have no rule, and so are refused, and told in the kernel's log.
  ];
}

function text(name: string, lines: readonly string[]): string {
  // Paths of which a part is not to be seen from where the container is, and of what has been deleted, count as they are.
  const flags = "flags=(attach_disconnected, mediate_deleted)";
  return [`profile ${name} ${flags} {`, ...lines.map((line) => `  ${line}`), "}", ""].join("\n");
}

/** A profile: what it is called, and what apparmor_parser(8) reads. */
export interface Profile {
  readonly name: string;
  readonly text: string;
}

/**
 * The profile that a container has on a host with AppArmor when nothing else is asked for (apparmor.d(5)). It stands behind
 * what else keeps the same from happening: read-only and masked paths, seccomp, capabilities. Its name tells its rules, so
 * that another version of mdocker loads its own beside it. Pure.
 * @param seesHost The container has the host's processes before it, and may not signal those.
 */
export function defaultProfile(seesHost: boolean): Profile {
  const lines = rules(seesHost);
  const digest = createHash("sha256").update(lines.join("\n")).digest("hex").slice(0, 8);
  const name = `${ownProfile}-${digest}`;
  return { name, text: text(name, lines) };
}
