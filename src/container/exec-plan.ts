import { closeSync, readFileSync } from "node:fs";
import { isFrozen } from "../../cgroup/freeze.ts";
import { type CgroupHost, detectCgroups, isOutside } from "../../cgroup/host.ts";
import { containerCgroup } from "../../cgroup/place.ts";
import { placeOf } from "../../cgroup/same.ts";
import { ConflictError, hasErrno } from "../core/errors.ts";
import type { OciProcess, OciRlimit } from "../core/oci.ts";
import type { Instance } from "../core/paths.ts";
import type { Program } from "../program/step.ts";
import { capabilityMask, heldCapabilities } from "../security/capabilities.ts";
import { clampRlimits, ownHardLimits, parseProcRlimits } from "../security/rlimits.ts";
import { openProcess } from "../sys/pidfd.ts";
import { isAlive, type ProcessIdentity } from "../sys/process.ts";
import { type Accounts, execProcess, parseAccounts } from "./exec-process.ts";
import { buildExecProgram } from "./exec-program.ts";
import type { ExecLifetime, ExecRequest } from "./exec-request.ts";
import { readTextInside, rootOf } from "./inside.ts";
import type { ContainerRecord } from "./record.ts";
import { seccompOf } from "./seccomp-file.ts";
import { readSpec } from "./store.ts";

/** An exec thought through. */
export interface ExecPlan {
  readonly container: ContainerRecord;
  /** Its pid 1. */
  readonly init: ProcessIdentity;
  /** pidfd of it; the caller closes it. */
  readonly pidfd: number;
  readonly process: OciProcess;
  readonly program: Program;
  /** v2: the cgroup that the child is born in. */
  readonly cgroupDirectory: string | undefined;
  /** This process has to come into the tree first, before it can put another into that cgroup. */
  readonly outside: CgroupHost | undefined;
}

/** @throws ConflictError for a container that does not run, as docker says it. */
export function refuseStopped({ name }: ContainerRecord): never {
  throw new ConflictError(`container ${name} is not running`);
}

/** pid 1 has what the command inherits besides what config.json says: limits of whoever ran the container. */
function inheritedRlimits(theirs: string, own: readonly OciRlimit[]): readonly OciRlimit[] {
  const ours = readFileSync("/proc/self/limits", "utf8");
  if (ours === theirs) return own;
  const before = parseProcRlimits(ours);
  const other = parseProcRlimits(theirs).filter(({ type, soft, hard }) => {
    const same = before.find((limit) => limit.type === type);
    return same?.soft !== soft || same.hard !== hard;
  });
  const wanted = [...other.filter(({ type }) => !own.some((limit) => limit.type === type)), ...own];
  const canRaise = (heldCapabilities() & capabilityMask(["CAP_SYS_RESOURCE"])) !== 0n;
  return clampRlimits(wanted, ownHardLimits(), canRaise).rlimits;
}

function readAccounts(init: ProcessIdentity): Accounts {
  const root = rootOf(init);
  try {
    return parseAccounts(readTextInside(root, "etc/passwd"), readTextInside(root, "etc/group"));
  } finally {
    root.close();
  }
}

function thinkThrough(
  instance: Instance,
  container: ContainerRecord,
  init: ProcessIdentity,
  request: ExecRequest,
  settings: { readonly id: string; readonly lifetime: ExecLifetime },
): Omit<ExecPlan, "pidfd"> {
  const host = detectCgroups();
  const { cgroup = containerCgroup(host, instance.prefix, container.id), name } = container;
  if (container.state === "paused" || isFrozen(host, cgroup))
    throw new ConflictError(`container ${name} is paused: unpause it before exec`);
  const { process: own, linux } = readSpec(instance, container.id);
  const theirs = (file: string): string => readFileSync(`/proc/${init.pid}/${file}`, "utf8");
  let known: Accounts | undefined;
  const process = execProcess(own, request, () => {
    known ??= readAccounts(init);
    return known;
  });
  const place = placeOf(host, cgroup, theirs("cgroup"));
  const ourScore = readFileSync("/proc/self/oom_score_adj", "utf8").trim();
  const score = String(own.oomScoreAdj ?? theirs("oom_score_adj").trim());
  const complete = { ...process, rlimits: inheritedRlimits(theirs("limits"), process.rlimits ?? []) };
  const has = (type: string): boolean => linux.namespaces.some((namespace) => namespace.type === type);
  const program = buildExecProgram({
    ...settings,
    process: complete,
    size: request.size,
    userNamespace: has("user"),
    ...(has("user") ? { cgroupNamespace: `/proc/${init.pid}/ns/cgroup` } : {}),
    timeNamespace: has("time"),
    tasks: place.tasks,
    cgroupBirth: place.directory !== undefined,
    oomScoreAdj: score === ourScore ? undefined : { wanted: score, own: ourScore },
    seccomp: seccompOf(instance, container, process.capabilities?.bounding ?? []),
  });
  return {
    container,
    init,
    process: complete,
    program,
    cgroupDirectory: place.directory,
    outside: isOutside(host) ? host : undefined,
  };
}

/**
 * Thinks one more command of a running container through. Changes nothing.
 * @throws ConflictError when it does not run or is paused; UsageError for what cannot be had in it.
 */
export function planExec(
  instance: Instance,
  container: ContainerRecord,
  request: ExecRequest,
  settings: { readonly id: string; readonly lifetime: ExecLifetime },
): ExecPlan {
  const { init, state } = container;
  if (init === undefined || (state !== "running" && state !== "paused")) return refuseStopped(container);
  // First of all: from here on its pid means this process, or the look at the end says that it does not.
  const pidfd = openProcess(init);
  if (pidfd === undefined) return refuseStopped(container);
  try {
    const plan = thinkThrough(instance, container, init, request, settings);
    if (!isAlive(init)) return refuseStopped(container);
    return { ...plan, pidfd };
  } catch (error) {
    closeSync(pidfd);
    // What was read below its /proc directory, or of its files, goes as it ends.
    if (hasErrno(error, "ENOENT", "ESRCH") && !isAlive(init)) return refuseStopped(container);
    throw error;
  }
}
