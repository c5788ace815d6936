import type { OciIoPriority } from "../../core/oci.ts";
import type { Step } from "../step.ts";

const PRIO_PROCESS = 0;
const IOPRIO_WHO_PROCESS = 1;
/** Above the level: include/uapi/linux/ioprio.h. */
const IOPRIO_CLASS_SHIFT = 13;
const ioClasses = { IOPRIO_CLASS_RT: 1, IOPRIO_CLASS_BE: 2, IOPRIO_CLASS_IDLE: 3 } as const;

/** setpriority(2) of the process itself: -20 (first) to 19 (last). Below its own takes CAP_SYS_NICE. */
export function setNice(nice: number): Step {
  return {
    kind: "syscall",
    call: "setpriority",
    args: [PRIO_PROCESS, 0, nice],
    text: () => `setpriority(PRIO_PROCESS, 0, ${nice})`,
    reason: "its part of a CPU that others want, too",
    label: `--nice ${nice}`,
  };
}

/** ioprio_set(2) of the process itself; the real-time class takes CAP_SYS_ADMIN or CAP_SYS_NICE. */
export function setIoPriority({ class: name, priority }: OciIoPriority): Step {
  return {
    kind: "syscall",
    call: "ioprio_set",
    args: [IOPRIO_WHO_PROCESS, 0, (ioClasses[name] << IOPRIO_CLASS_SHIFT) | priority],
    text: () => `ioprio_set(IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(${name}, ${priority}))`,
    reason: "its turn at a disk that others want, too, where the disk's scheduler asks (bfq)",
    label: "--ioprio",
  };
}
