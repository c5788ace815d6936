import type { RunRequest } from "../../container/request.ts";
import type { OciIoPriority } from "../../core/oci.ts";
import { type Flags, type Given, refuse } from "../flags.ts";
import { field, wholeNumber } from "../number.ts";
import type { OptionTable } from "../option-row.ts";

export const commandOptions: OptionTable = {
  heading: "Command:",
  rows: [
    { flags: "--entrypoint <program>", about: "run this instead of the image's entrypoint; '' runs none" },
    { flags: "-w, --workdir <dir>", about: "directory in the container to start in" },
    { flags: "-u, --user <user[:group]>", about: "run as this user, by name or number" },
    { flags: "--group-add <group>", about: "one more group, by name or number" },
    { flags: "--umask <mode>", about: "file mode mask, octal" },
    { flags: "--init", about: "reap orphans and forward signals as pid 1 (the default)", negatable: true },
    { flags: "--oom-score-adj <number>", about: "-1000 (spare) to 1000 (kill first)" },
    { flags: "--nice <number>", about: "-20 (first at the CPU) to 19 (last)" },
    { flags: "--ioprio <class[:level]>", about: "idle, best-effort:0-7 or realtime:0-7: its turn at a disk" },
  ],
};

type CommandRequest = Pick<
  RunRequest,
  "entrypoint" | "cwd" | "user" | "groups" | "umask" | "init" | "oomScoreAdj" | "nice" | "ioPriority"
>;

const ioClasses = {
  realtime: "IOPRIO_CLASS_RT",
  "best-effort": "IOPRIO_CLASS_BE",
  idle: "IOPRIO_CLASS_IDLE",
} as const;

/** `idle`, or a class and its level, 4 where none is said, as with ionice(1). */
function ioPriority(given: Given): OciIoPriority {
  const [, name, level] = /^(realtime|best-effort|idle)(?::([0-7]))?$/.exec(given.value) ?? [];
  if (name === undefined || (name === "idle" && level !== undefined))
    return refuse(given, "idle, best-effort:0 to best-effort:7, or realtime:0 to realtime:7");
  const priority = name === "idle" ? 0 : Number(level ?? 4);
  return { class: ioClasses[name as keyof typeof ioClasses], priority };
}

/** How the command is run. @throws UsageError */
export function readCommand(flags: Flags): CommandRequest {
  const workdir = flags.one("workdir");
  if (workdir !== undefined && (!workdir.value.startsWith("/") || workdir.value.includes("\0"))) {
    refuse(workdir, "an absolute path in the container");
  }
  const user = flags.one("user");
  if (user !== undefined && !/^[^\s:]+(:[^\s:]+)?$/.test(user.value)) {
    refuse(user, "USER, UID, USER:GROUP or UID:GID");
  }
  const groups = flags.all("group-add");
  for (const group of groups)
    if (!/^[^\s:]+$/.test(group.value)) refuse(group, "the name or number of a group");
  const umask = flags.one("umask");
  if (umask !== undefined && !/^0?[0-7]{1,4}$/.test(umask.value)) refuse(umask, "an octal mode such as 0022");
  const mask = umask === undefined ? undefined : Number.parseInt(umask.value, 8);
  if (umask !== undefined && mask !== undefined && mask > 0o777) refuse(umask, "an octal mode up to 0777");
  const score = flags.one("oom-score-adj");
  const nice = flags.one("nice");
  const turn = flags.one("ioprio");
  const entrypoint = flags.one("entrypoint")?.value;
  return {
    ...field("entrypoint", entrypoint === undefined ? undefined : entrypoint === "" ? [] : [entrypoint]),
    ...field("cwd", workdir?.value),
    ...field("user", user?.value),
    groups: groups.map((group) => group.value),
    ...field("umask", mask),
    init: flags.flag("init") ?? true,
    ...field("oomScoreAdj", score === undefined ? undefined : wholeNumber(score, -1000, 1000)),
    ...field("nice", nice === undefined ? undefined : wholeNumber(nice, -20, 19)),
    ...field("ioPriority", turn === undefined ? undefined : ioPriority(turn)),
  };
}
