import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { outputOf } from "./command.ts";

/** The initial SIDs, in the order that the kernel numbers them in (security/selinux/include/initial_sid_to_string.h). */
const initial =
  "kernel security unlabeled fs file file_labels init any_socket port netif netmsg node igmp_packet icmp_socket tcp_socket sysctl_modprobe sysctl sysctl_fs sysctl_kernel sysctl_net sysctl_net_unix sysctl_vm sysctl_dev kmod policy scmp_packet devnull".split(
    " ",
  );
const ofFiles: readonly string[] = ["file", "unlabeled", "fs", "devnull"];
const special = ["lnk_file", "chr_file", "blk_file", "sock_file", "fifo_file"];
const types = ["host_t", "host_file_t", "proc_t", "container_t", "other_container_t", "container_file_t"];
const categories = Array.from({ length: 1024 }, (_, at) => `c${at}`);
const each = (names: readonly string[], line: (name: string) => string): string => names.map(line).join("");

/**
 * A policy as small as can be, in the language CIL: the host may do everything, containers may use files of containers
 * and /proc, and of a level that is theirs only. What it does not name is allowed.
 */
const policy = `(handleunknown allow)(mls true)(policycap nnp_nosuid_transition)
${each(["file", "dir", "lnk_file"], (name) => `(defaultrange ${name} target low)`)}
(class file (read write execute entrypoint))(class dir (read write))(class process (transition dyntransition))
(class process2 (nnp_transition nosuid_transition))${each(special, (name) => `(class ${name} (quotaon))`)}
(classorder (file dir process process2 ${special.join(" ")}))
(sensitivity s0)(sensitivityorder (s0))${each(categories, (name) => `(category ${name})`)}
(categoryorder (${categories.join(" ")}))(sensitivitycategory s0 (range c0 c1023))
(level low (s0))(level high (s0 (range c0 c1023)))(levelrange whole (low high))(levelrange none (low low))
(user system_u)(role system_r)(role object_r)(userrole system_u system_r)(userrole system_u object_r)
(userlevel system_u low)(userrange system_u whole)(roleallow system_r system_r)
${each(types, (type) => `(type ${type})(roletype system_r ${type})(roletype object_r ${type})`)}
(typeattribute anything)(typeattributeset anything (${types.join(" ")}))
(typeattribute inside)(typeattributeset inside (container_t other_container_t))
(context host (system_u system_r host_t whole))(context plain (system_u object_r host_file_t none))
(context procfs (system_u object_r proc_t none))
${each(initial, (sid) => `(sid ${sid})(sidcontext ${sid} ${ofFiles.includes(sid) ? "plain" : "host"})`)}
(sidorder (${initial.join(" ")}))
(allow host_t anything (file (read write execute entrypoint)))(allow host_t anything (dir (read write)))
(allow host_t anything (process (transition dyntransition)))
(allow host_t anything (process2 (nnp_transition nosuid_transition)))
(allow inside container_file_t (file (read write execute entrypoint)))(allow inside container_file_t (dir (read write)))
(allow inside proc_t (file (read write)))(allow inside proc_t (dir (read)))
(allow inside inside (file (read write)))(allow inside inside (dir (read)))
(mlsconstrain (file (read write)) (or (dom h1 h2) (eq t1 host_t)))
(fsuse xattr ext4 plain)${each(["tmpfs", "devtmpfs", "devpts", "mqueue", "ramfs"], (name) => `(fsuse trans ${name} plain)`)}
${each(["pipefs", "sockfs"], (name) => `(fsuse task ${name} host)`)}
${each(["overlay", "hostfs", "9p", "rootfs", "debugfs", "selinuxfs", "configfs", "fuse", "nsfs", "bpf"], (name) => `(genfscon ${name} "/" plain)`)}
${each(["proc", "sysfs", "cgroup2"], (name) => `(genfscon ${name} "/" procfs)`)}
`;

/** The contexts for containers, as container-selinux installs them. */
const contexts = `process = "system_u:system_r:container_t:s0"
file = "system_u:object_r:container_file_t:s0"
`;

/** Has the throw-away machine's kernel, which runs SELinux and has no policy yet, enforce the one above. */
export async function enforcePolicy(): Promise<void> {
  if (process.env["VMRUN"] === undefined) throw new Error("a policy is loaded in a throw-away machine only");
  await outputOf(["mount", "-t", "selinuxfs", "none", "/sys/fs/selinux"]);
  const folder = "/run/selinux-test";
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/test.cil`, policy);
  await outputOf(["secilc", "-c", "33", "-o", `${folder}/policy`, "-f", "/dev/null", `${folder}/test.cil`]);
  // In one write(2): each is a whole policy.
  writeFileSync("/sys/fs/selinux/load", readFileSync(`${folder}/policy`));
  mkdirSync("/etc/selinux/test/contexts", { recursive: true });
  writeFileSync("/etc/selinux/config", "SELINUX=enforcing\nSELINUXTYPE=test\n");
  writeFileSync("/etc/selinux/test/contexts/lxc_contexts", contexts);
  writeFileSync("/sys/fs/selinux/enforce", "1");
}
