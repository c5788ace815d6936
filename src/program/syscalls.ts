/** Numbers of the system calls that programs use: [x86_64, arm64]; undefined where the machine lacks the call. */
const numbers = {
  read: [0, 63],
  write: [1, 64],
  close: [3, 57],
  munmap: [11, 215],
  ioctl: [16, 29],
  sendmsg: [46, 211],
  recvmsg: [47, 212],
  fchown: [93, 55],
  fstatfs: [138, 44],
  setsid: [112, 157],
  getcwd: [79, 17],
  wait4: [61, 260],
  kill: [62, 129],
  chdir: [80, 49],
  fchdir: [81, 50],
  umask: [95, 166],
  setgroups: [116, 159],
  setpriority: [141, 140],
  ioprio_set: [251, 30],
  setresuid: [117, 147],
  setresgid: [119, 149],
  setfsuid: [122, 151],
  setfsgid: [123, 152],
  rt_sigprocmask: [14, 135],
  capset: [126, 91],
  rt_sigtimedwait: [128, 137],
  pivot_root: [155, 41],
  prctl: [157, 167],
  chroot: [161, 51],
  mount: [165, 40],
  umount2: [166, 39],
  sethostname: [170, 161],
  setdomainname: [171, 162],
  clock_gettime: [228, 113],
  exit_group: [231, 94],
  openat: [257, 56],
  mkdirat: [258, 34],
  mknodat: [259, 33],
  fchownat: [260, 54],
  fchmodat: [268, 53],
  symlinkat: [266, 36],
  unlinkat: [263, 35],
  unshare: [272, 97],
  dup3: [292, 24],
  prlimit64: [302, 261],
  setns: [308, 268],
  seccomp: [317, 277],
  execveat: [322, 281],
  execve: [59, 221],
  statx: [332, 291],
  open_tree: [428, 428],
  move_mount: [429, 429],
  clone3: [435, 435],
  close_range: [436, 436],
  openat2: [437, 437],
  mount_setattr: [442, 442],
} as const;

export type SyscallName = keyof typeof numbers;

/** The number of `name` on this machine. Throws on an architecture that mdocker does not know. */
export function syscallNumber(name: SyscallName, arch: string = process.arch): number {
  const [x64, arm64] = numbers[name];
  if (arch === "x64") return x64;
  if (arch === "arm64") return arm64;
  throw new Error(`no system call table for ${arch}`);
}
