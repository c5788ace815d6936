/** The kinds of things a start consists of, as `--explain` groups and colours them. */
export type ActionKind = "syscall" | "netlink" | "cgroup" | "iptables" | "sysctl" | "file" | "process";

/** One thing that will be done: what, as a reader of man pages would write it, and why. */
export interface PlannedAction {
  readonly kind: ActionKind;
  /** One line: `mount("proc", "/proc", "proc", MS_NOSUID|MS_NODEV|MS_NOEXEC, "")`. */
  readonly text: string;
  /** One clause: `the container sees only its own processes`. */
  readonly reason: string;
  /**
   * Who does it: the mdocker process, the launcher, the container's pid 1, the command's process, or the monitor, which
   * the launcher becomes, when the container has ended.
   */
  readonly by?: "parent" | "launcher" | "child" | "command" | "monitor";
}

/** One thing that was done, with its duration in milliseconds where it could be measured. */
export interface PerformedAction extends PlannedAction {
  readonly ms?: number;
}

/** Told of each action after it was performed; absent on a plain run. */
export type Observer = (action: PerformedAction) => void;
