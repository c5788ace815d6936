import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { home } from "../../../src/core/home.ts";
import { capabilityNames, defaultCapabilities } from "../../../src/security/capabilities.ts";
import { compileSeccomp } from "../../../src/security/seccomp/compile.ts";
import { digest } from "../../../src/security/seccomp/digest.ts";
import { parseSeccompProfile } from "../../../src/security/seccomp/profile.ts";
import { lateSyscalls } from "../../../src/security/seccomp/prologue.ts";
import { resolveProfile } from "../../../src/security/seccomp/resolve.ts";
import { defaultProfileDigest } from "../../../src/security/seccomp/source.ts";
import { resolveSyscall } from "../../../src/sys/seccomp.ts";
import { archX86, compatArch, decision, nativeArch } from "./bpf-machine.ts";

const text = readFileSync(join(home, "src/security/seccomp/default.json"), "utf8");
const profile = parseSeccompProfile(text, "default");

function filterFor(caps: readonly string[]): Uint8Array {
  const target = { caps, arch: process.arch, kernel: "6.12.0" };
  const { program, notes } = compileSeccomp(resolveProfile(profile, target), "default");
  expect(notes).toEqual([]);
  return program;
}

const plain = filterFor(defaultCapabilities);
const withCap = (name: string): Uint8Array => filterFor([...defaultCapabilities, name]);

function number(name: string, arch: number = nativeArch): number {
  const found = resolveSyscall(arch, name);
  return found !== undefined && found >= 0 ? found : (lateSyscalls[name] ?? expect.fail(`no ${name}`));
}

/** The decision about a call by name, on this machine's own architecture. */
function decide(program: Uint8Array, name: string, ...args: (number | bigint)[]): string {
  return decision(program, { arch: nativeArch, nr: number(name), args: args.map(BigInt) });
}

test("a cached filter knows the default profile by its digest: keep it up to date in source.ts", () => {
  expect(defaultProfileDigest).toBe(digest(text));
});

test("is short enough for the kernel", () => {
  expect(filterFor(capabilityNames).length / 8).toBeLessThan(4096);
});

describe("ordinary programs are not disturbed", () => {
  const ordinary = [
    ..."read write openat openat2 close close_range fstat statx lseek mmap mprotect munmap mremap brk madvise".split(
      " ",
    ),
    ..."rt_sigaction rt_sigprocmask rt_sigreturn ioctl pread64 pwritev2 faccessat faccessat2 fchmodat fchownat".split(
      " ",
    ),
    ..."pipe2 dup3 fcntl flock fsync ftruncate getdents64 getcwd chdir renameat2 mkdirat unlinkat linkat".split(
      " ",
    ),
    ..."symlinkat readlinkat utimensat setxattr getxattr copy_file_range sendfile splice fallocate".split(
      " ",
    ),
    ..."ppoll pselect6 epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 eventfd2 signalfd4 timerfd_create".split(
      " ",
    ),
    ..."inotify_init1 futex set_robust_list set_tid_address gettid getpid getuid setresuid setgroups".split(
      " ",
    ),
    ..."execve execveat exit exit_group wait4 waitid kill tgkill sigaltstack capget capset prctl seccomp".split(
      " ",
    ),
    ..."prlimit64 getrusage setpriority sched_yield sched_setaffinity sched_getaffinity membarrier rseq".split(
      " ",
    ),
    ..."clock_gettime clock_nanosleep nanosleep timer_create setitimer gettimeofday uname sysinfo getrandom".split(
      " ",
    ),
    ..."bind connect listen accept4 sendto recvmsg sendmmsg recvmmsg setsockopt getsockopt shutdown".split(
      " ",
    ),
    ..."shmget semop msgsnd mq_open memfd_create memfd_secret pidfd_open pidfd_send_signal mknodat chroot".split(
      " ",
    ),
    ..."landlock_create_ruleset landlock_restrict_self".split(" "),
  ];
  test.each(ordinary)("%s", (name) => {
    expect(decide(plain, name)).toBe("allow");
  });

  test.each(
    "cachestat fchmodat2 map_shadow_stack futex_wake futex_wait mseal setxattrat statmount".split(" "),
  )("%s, which an older libseccomp does not know", (name) => {
    expect(decide(plain, name)).toBe("allow");
    expect(decision(plain, { arch: compatArch, nr: number(name, compatArch) })).toBe("allow");
  });
});

describe("refused to everyone", () => {
  test.each(
    "add_key keyctl request_key io_uring_setup io_uring_enter io_uring_register nfsservctl".split(" "),
  )("%s", (name) => {
    for (const program of [plain, filterFor(capabilityNames)]) expect(decide(program, name)).toBe("EPERM");
  });
});

describe("gated by a capability", () => {
  const gates: Readonly<Record<string, string>> = {
    CAP_SYS_ADMIN:
      "mount umount2 pivot_root setns open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr open_tree_attr " +
      "sethostname setdomainname swapon swapoff quotactl quotactl_fd fanotify_init bpf perf_event_open",
    CAP_BPF: "bpf",
    CAP_PERFMON: "perf_event_open",
    CAP_SYS_PTRACE: "ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd process_madvise userfaultfd",
    CAP_DAC_READ_SEARCH: "open_by_handle_at",
    CAP_SYS_MODULE: "init_module finit_module delete_module",
    CAP_SYS_BOOT: "reboot kexec_load kexec_file_load",
    CAP_SYS_PACCT: "acct",
    CAP_SYS_TIME: "settimeofday clock_settime",
    CAP_SYS_TTY_CONFIG: "vhangup",
    CAP_SYSLOG: "syslog",
    CAP_SYS_NICE: "get_mempolicy set_mempolicy set_mempolicy_home_node mbind migrate_pages move_pages",
  };
  test.each(Object.entries(gates))("%s", (cap, names) => {
    const program = withCap(cap);
    for (const name of names.split(" ")) {
      expect([name, decide(plain, name)]).toEqual([name, "EPERM"]);
      expect([name, decide(program, name)]).toEqual([name, "allow"]);
    }
  });

  test("chroot, which the default set holds", () => {
    expect(decide(filterFor([]), "chroot")).toBe("EPERM");
  });

  test("a capability opens nothing of another", () => {
    expect(decide(withCap("CAP_NET_ADMIN"), "mount")).toBe("EPERM");
    expect(decide(withCap("CAP_SYS_ADMIN"), "ptrace")).toBe("EPERM");
    expect(decide(withCap("CAP_SYS_ADMIN"), "init_module")).toBe("EPERM");
  });
});

describe("namespaces", () => {
  const namespaces = [0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000];
  // What glibc's fork and pthread_create pass.
  const ordinary = [0x11, 0x01200011, 0x003d0f00, 0x00004111];

  test("clone makes processes and threads, and namespaces only with CAP_SYS_ADMIN", () => {
    const admin = withCap("CAP_SYS_ADMIN");
    for (const flags of ordinary) expect(decide(plain, "clone", flags)).toBe("allow");
    for (const namespace of namespaces) {
      for (const flags of [namespace, ...ordinary.map((other) => namespace + other)]) {
        expect(decide(plain, "clone", flags)).toBe("EPERM");
        expect(decide(admin, "clone", flags)).toBe("allow");
      }
    }
    expect(decide(plain, "clone", 0x7e020011)).toBe("EPERM");
  });

  test("unshare leaves what threads share, no namespace", () => {
    for (const flags of [0x200, 0x400, 0x40000, 0x600]) expect(decide(plain, "unshare", flags)).toBe("allow");
    for (const flags of [...namespaces, 0x80, 0x10000200]) {
      expect(decide(plain, "unshare", flags)).toBe("EPERM");
      expect(decide(withCap("CAP_SYS_ADMIN"), "unshare", flags)).toBe("allow");
    }
  });

  test("clone3, whose flags no filter sees, does not exist", () => {
    expect(decide(plain, "clone3")).toBe("ENOSYS");
    expect(decide(withCap("CAP_SYS_ADMIN"), "clone3")).toBe("allow");
    expect(decision(plain, { arch: compatArch, nr: number("clone3", compatArch) })).toBe("ENOSYS");
  });
});

describe("personality", () => {
  test.each([0, 8, 0x20000, 0x20008, 0xffffffff])("0x%s is allowed", (value) => {
    expect(decide(plain, "personality", value)).toBe("allow");
  });

  // ADDR_NO_RANDOMIZE, READ_IMPLIES_EXEC, MMAP_PAGE_ZERO, others; and bits that the kernel cuts off.
  test.each([0x40000, 0x400000, 0x100000, 0x800000, 1, 0x20009, 0x1_0000_0008, 0x1_0040_0000])(
    "%s is refused",
    (value) => {
      expect(decide(plain, "personality", value)).toBe("EPERM");
    },
  );
});

describe("socket families", () => {
  const [unix, inet, inet6, netlink, packet] = [1, 2, 10, 16, 17] as const;
  const networker = withCap("CAP_NET_ADMIN");

  test("those that programs use", () => {
    for (const family of [unix, inet, inet6, netlink, packet]) {
      expect(decide(plain, "socket", family)).toBe("allow");
      expect(decide(networker, "socket", family)).toBe("allow");
    }
    expect(decide(plain, "socketpair", unix)).toBe("allow");
    expect(decide(plain, "socketpair", inet)).toBe("EPERM");
  });

  test("others only where a container manages networks", () => {
    // AF_AX25, AF_PPPOX, AF_CAN, AF_TIPC, AF_BLUETOOTH, AF_SMC, AF_XDP
    for (const family of [3, 24, 29, 30, 31, 43, 44]) {
      expect(decide(plain, "socket", family)).toBe("EPERM");
      expect(decide(networker, "socket", family)).toBe("allow");
      expect(decide(withCap("CAP_NET_RAW"), "socket", family)).toBe("allow");
    }
  });

  test("AF_ALG and AF_VSOCK never, however the number is disguised", () => {
    for (const program of [plain, networker, filterFor(capabilityNames)]) {
      for (const family of [38, 40]) {
        for (const high of [0n, 1n, 0x80000000n, 0xffffffffn]) {
          expect(decide(program, "socket", (high << 32n) | BigInt(family))).toBe("EPERM");
        }
      }
    }
  });

  test("socketcall, which hides the family, is not there", () => {
    const nr = resolveSyscall(archX86, "socketcall") ?? expect.fail("no socketcall");
    for (const program of process.arch === "x64" ? [plain, networker, filterFor(capabilityNames)] : []) {
      for (let sub = 0; sub <= 20; sub++) {
        expect(decision(program, { arch: archX86, nr, args: [BigInt(sub), 0n] })).toBe("ENOSYS");
      }
    }
  });
});

describe("the edges", () => {
  test("a call newer than the profile does not exist, as on an older kernel", () => {
    for (const arch of [nativeArch, compatArch]) {
      for (const nr of [470, 500, 1000, 0x3fffffff]) expect(decision(plain, { arch, nr })).toBe("ENOSYS");
    }
  });

  test("32-bit programs run under the same rules", () => {
    const compat = (name: string, ...args: number[]) =>
      decision(plain, { arch: compatArch, nr: number(name, compatArch), args: args.map(BigInt) });
    for (const name of [
      "read",
      "openat",
      "execve",
      "rt_sigreturn",
      "clock_gettime64",
      "fstatat64",
      "mmap2",
    ]) {
      expect([name, compat(name)]).toEqual([name, "allow"]);
    }
    for (const name of ["mount", "ptrace", "keyctl", "bpf", "init_module", "kexec_load", "setns"]) {
      expect([name, compat(name)]).toEqual([name, "EPERM"]);
    }
    expect(compat("clone", 0x10000011)).toBe("EPERM");
    expect(compat("clone", 0x11)).toBe("allow");
    // libseccomp gives socketcall's name for it on x86, which has had a socket of its own since Linux 4.3.
    const socket = process.arch === "x64" ? 359 : number("socket", compatArch);
    const family = (value: bigint) => decision(plain, { arch: compatArch, nr: socket, args: [value] });
    expect([1n, 2n, 38n, 40n].map(family)).toEqual(["allow", "allow", "EPERM", "EPERM"]);
    expect(compat("personality", 0x400000)).toBe("EPERM");
  });

  test("another architecture and x32 numbers are killed", () => {
    expect(decision(plain, { arch: 0x80000016, nr: 1 })).toBe("kill");
    for (const nr of process.arch === "x64" ? [0x40000000, 0x40000027, 0x40000200, 0x7fffffff] : []) {
      expect(decision(plain, { arch: nativeArch, nr })).toBe("kill");
    }
  });
});
