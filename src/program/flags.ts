/** Flag bits of system calls by name, so that explanations read as the man pages do. */
export const mountFlags = {
  MS_RDONLY: 1,
  MS_NOSUID: 2,
  MS_NODEV: 4,
  MS_NOEXEC: 8,
  MS_SYNCHRONOUS: 16,
  MS_REMOUNT: 32,
  MS_NOATIME: 1024,
  MS_NODIRATIME: 2048,
  MS_BIND: 4096,
  MS_MOVE: 8192,
  MS_REC: 16384,
  MS_UNBINDABLE: 0x20000,
  MS_PRIVATE: 0x40000,
  MS_SLAVE: 0x80000,
  MS_SHARED: 0x100000,
  MS_RELATIME: 0x200000,
  MS_STRICTATIME: 0x1000000,
} as const;

type OpenFlag =
  | "O_RDONLY"
  | "O_WRONLY"
  | "O_RDWR"
  | "O_CREAT"
  | "O_EXCL"
  | "O_NOCTTY"
  | "O_TRUNC"
  | "O_NONBLOCK"
  | "O_DIRECTORY"
  | "O_NOFOLLOW"
  | "O_CLOEXEC"
  | "O_PATH";

const arm = process.arch === "arm64";

/** Flags of open(2) as this machine numbers them: x86_64 and arm64 differ in O_DIRECTORY and O_NOFOLLOW. */
export const openFlags: Readonly<Record<OpenFlag, number>> = {
  O_RDONLY: 0,
  O_WRONLY: 1,
  O_RDWR: 2,
  O_CREAT: 0o100,
  O_EXCL: 0o200,
  O_NOCTTY: 0o400,
  O_TRUNC: 0o1000,
  O_NONBLOCK: 0o4000,
  O_DIRECTORY: arm ? 0o40000 : 0o200000,
  O_NOFOLLOW: arm ? 0o100000 : 0o400000,
  O_CLOEXEC: 0o2000000,
  O_PATH: 0o10000000,
};

export const cloneFlagNames = {
  CLONE_NEWTIME: 0x80,
  CLONE_NEWNS: 0x20000,
  CLONE_NEWCGROUP: 0x2000000,
  CLONE_NEWUTS: 0x4000000,
  CLONE_NEWIPC: 0x8000000,
  CLONE_NEWUSER: 0x10000000,
  CLONE_NEWPID: 0x20000000,
  CLONE_NEWNET: 0x40000000,
  CLONE_INTO_CGROUP: 0x200000000,
} as const;

/** `MS_NOSUID|MS_NODEV` for 6; unknown bits as hexadecimal, `0` for none. */
export function decodeFlags(value: number, names: Readonly<Record<string, number>>): string {
  const found: string[] = [];
  let rest = BigInt(value);
  for (const [name, bit] of Object.entries(names)) {
    const mask = BigInt(bit);
    if (mask !== 0n && (rest & mask) === mask) {
      found.push(name);
      rest &= ~mask;
    }
  }
  if (rest !== 0n) found.push(`0x${rest.toString(16)}`);
  return found.length === 0 ? "0" : found.join("|");
}
