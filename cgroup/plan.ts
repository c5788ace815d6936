import { join } from "../src/core/join.ts";
import type { OciResources } from "../src/core/oci.ts";
import { isRootless } from "../src/core/rootless.ts";
import type { CgroupAction } from "./action.ts";
import { CannotEnforceError } from "./cannot-enforce.ts";
import { checkResources } from "./check.ts";
import { readDeviceRules } from "./device-rules.ts";
import { absenceOf, type CgroupHost, type V1Host, type V2Host } from "./host.ts";
import type { Limit } from "./limit.ts";
import { checkPath, homeController, parentsOf, scopePath } from "./place.ts";
import { optionOf } from "./unified.ts";
import { v1DeviceLimits } from "./v1/devices.ts";
import { v1Limits } from "./v1/limits.ts";
import { deviceProgram } from "./v2/device-program.ts";
import { v2Limits } from "./v2/limits.ts";
import { isPromise } from "./v2/protection.ts";

/** cpu.rt_period_us of a new cgroup, in microseconds. */
const usualRealTimePeriod = 1_000_000;

/** A fresh cgroup is unlimited: to say so once more needs neither a write nor the controller. */
function isLimiting({ targets }: Limit): boolean {
  return !targets.every(({ values }) => values.every((value) => value === "max" || value === "-1"));
}

/** The write of one limit, as an action. */
export function limitAction(directory: string, { option, targets, reason }: Limit): CgroupAction {
  const [first, ...others] = targets.map(
    ({ file, values }) => `${values.join(", ")} to ${join(directory, file)}`,
  );
  const text = `write ${first}${others.map((other) => `, or ${other}`).join("")}`;
  return { kind: "cgroup", by: "parent", op: "write", directory, option, targets, text, reason };
}

function makeAction(mountPoint: string, path: string, reason: string): CgroupAction {
  const text = `mkdir -p ${join(mountPoint, path)}`;
  return { kind: "cgroup", by: "parent", op: "make", mountPoint, path, text, reason };
}

/** What is made in a scope of systemd's, should it be in one. */
function inScope(action: CgroupAction, { scope }: V2Host): CgroupAction {
  if (scope === undefined || action.op !== "make" || !action.path.startsWith(`${scopePath}/`)) return action;
  const which = `${scope.user ? "the user's systemd" : "systemd"}`;
  return {
    ...action,
    scope,
    text: `${action.text}, having asked ${which} for the scope where it is not there`,
  };
}

/** Refuses a limit whose controller this host lacks. */
export function requireController(host: CgroupHost, { option, controller }: Limit): void {
  if (host.controllers.has(controller)) return;
  const absence = absenceOf(host);
  if (absence !== undefined) throw new CannotEnforceError(option, absence);
  if (host.driver === "v1") {
    const known = [...host.controllers.keys()].join(", ");
    throw new CannotEnforceError(
      option,
      `no hierarchy of the ${controller} controller is mounted (there are: ${known})`,
    );
  }
  const known = [...host.controllers].join(", ") || "none";
  throw new CannotEnforceError(
    option,
    `${host.root}/cgroup.controllers does not offer the ${controller} controller (it has: ${known})`,
  );
}

/** All that is written for these resources on v1, thought through once: a start asks several times. */
const thought = new WeakMap<OciResources, readonly Limit[]>();

/*
 * Where we are not root of the host no rule about devices can be set, and none is needed: nobody inside can make a node
 * that opens anything (mknod(2)), and what was bound there can be opened only as far as the user could outside.
 */

function limitsV1(resources: OciResources): readonly Limit[] {
  let limits = thought.get(resources);
  if (limits === undefined) {
    limits = [
      ...v1Limits(resources).filter(isLimiting),
      ...(isRootless() ? [] : v1DeviceLimits(readDeviceRules(resources.devices ?? []))),
    ];
    thought.set(resources, limits);
  }
  return limits;
}

/**
 * v1: which hierarchies a container joins. Each costs it some 80 us, so only those with a task: memory (limits, end by
 * OOM), cpuacct (usage), and those with limits. The freezer comes when a container is paused.
 */
export function v1Controllers(host: V1Host, resources: OciResources): string[] {
  const wanted = [
    homeController(host),
    "cpuacct",
    ...limitsV1(resources).map(({ controller }) => controller),
  ];
  const joined = new Map<string, string>();
  for (const controller of wanted) {
    const mountPoint = host.controllers.get(controller);
    if (mountPoint !== undefined && ![...joined.values()].includes(mountPoint))
      joined.set(controller, mountPoint);
  }
  return [...joined.keys()];
}

/** v1: makes the container's cgroup in the hierarchy of one controller, ready to be joined. */
export function makeV1(host: V1Host, controller: string, path: string): CgroupAction[] {
  const mountPoint = host.controllers.get(controller) ?? "";
  const reason =
    controller === homeController(host)
      ? "its processes, and what they use, in one place"
      : `for its ${controller} limits and counts`;
  const actions = [makeAction(mountPoint, path, reason)];
  if (host.controllers.get("cpuset") !== mountPoint) return actions;
  let parent = mountPoint;
  for (const below of [...parentsOf(path), path]) {
    const directory = join(mountPoint, below);
    for (const file of ["cpuset.cpus", "cpuset.mems"]) {
      actions.push({
        kind: "cgroup",
        by: "parent",
        op: "inherit",
        parent,
        directory,
        file,
        text: `copy ${join(parent, file)} to ${directory} if that has none`,
        reason: "nothing can run in an empty cpuset",
      });
    }
    parent = directory;
  }
  return actions;
}

/** v1: real-time CPU time for the cgroups above, which have none of their own. */
export function grantsV1(
  host: V1Host,
  path: string,
  { cpu }: OciResources,
  limits: readonly Limit[],
): CgroupAction[] {
  if (!cpu?.realtimeRuntime || !limits.some(({ option }) => option === "--cpu-rt-runtime")) return [];
  const part = cpu.realtimeRuntime / (cpu.realtimePeriod || usualRealTimePeriod);
  const parts = path.split("/");
  return parentsOf(path).map((above, i) => {
    const parent = join(host.controllers.get("cpu") ?? "", above);
    return {
      kind: "cgroup",
      by: "parent",
      op: "grant",
      parent,
      child: parts[i + 1] ?? "",
      part,
      text: `write what its children need to ${join(parent, "cpu.rt_runtime_us")}`,
      reason: "a new cgroup has no real-time CPU time to give",
    };
  });
}

function planV1(host: V1Host, path: string, resources: OciResources): CgroupAction[] {
  const limits = limitsV1(resources);
  for (const limit of limits) requireController(host, limit);
  return v1Controllers(host, resources).flatMap((controller) => {
    const mountPoint = host.controllers.get(controller) ?? "";
    const own = limits.filter((limit) => host.controllers.get(limit.controller) === mountPoint);
    return [
      ...makeV1(host, controller, path),
      ...grantsV1(host, path, resources, own),
      ...own.map((limit) => limitAction(join(mountPoint, path), limit)),
    ];
  });
}

/** v2: hands `controllers` down to the container's cgroup, from the root through the cgroups above it. */
export function enableV2(host: V2Host, path: string, controllers: readonly string[]): CgroupAction[] {
  if (controllers.length === 0) return [];
  return ["", ...parentsOf(path)].map((above) => {
    const directory = above === "" ? host.root : join(host.root, above);
    return {
      kind: "cgroup",
      by: "parent",
      op: "enable",
      directory,
      controllers,
      text: `write ${controllers.map((name) => `+${name}`).join(" ")} to ${join(directory, "cgroup.subtree_control")} as far as missing`,
      reason: "cgroup v2 hands controllers down level by level",
    };
  });
}

/** v2: the limits and the controllers they need. */
export function v2Needs(
  host: V2Host,
  limits: readonly Limit[],
): { readonly controllers: readonly string[]; readonly limits: readonly Limit[] } {
  for (const limit of limits) requireController(host, limit);
  // Memory and pids always: end by OOM, and counts.
  const basic = ["memory", "pids"].filter((name) => host.controllers.has(name));
  return { limits, controllers: [...new Set([...basic, ...limits.map(({ controller }) => controller)])] };
}

/** v2: what is promised to a container has to be there for it. */
export function protect(host: V2Host, path: string, limits: readonly Limit[]): CgroupAction[] {
  if (!limits.some(({ targets }) => targets.some(({ file }) => isPromise(file)))) return [];
  return [
    {
      kind: "cgroup",
      by: "parent",
      op: "protect",
      host,
      path,
      text: `write the sums of those below to memory.min and memory.low of ${parentsOf(path).join(", ")}`,
      reason: "cgroup v2 promises to children no more than their parent has",
    },
  ];
}

function planV2(host: V2Host, path: string, resources: OciResources): CgroupAction[] {
  const { limits, controllers } = v2Needs(host, v2Limits(resources).filter(isLimiting));
  const directory = join(host.root, path);
  const actions: CgroupAction[] = [
    inScope(makeAction(host.root, path, "its processes, and what they use, in one place"), host),
    // After the directory: while it is there, nobody can remove those above it.
    ...enableV2(host, path, controllers),
    ...limits.map((limit) => limitAction(directory, limit)),
    ...protect(host, path, limits),
  ];
  const program = isRootless() ? undefined : deviceProgram(readDeviceRules(resources.devices ?? []));
  if (program !== undefined) {
    actions.push({
      kind: "cgroup",
      by: "parent",
      op: "devices",
      directory,
      program,
      text: `bpf(BPF_PROG_ATTACH, BPF_CGROUP_DEVICE, ${program.length / 8} instructions) to ${directory}`,
      reason: "only the devices that every program expects",
    });
  }
  return actions;
}

/**
 * What sets up the cgroup of one container, in order, so that its first process can be put into it. Pure.
 * @param path Path below each hierarchy: `mdocker/<id>`.
 * @throws UsageError for limits that make no sense, CannotEnforceError for those that this host cannot enforce as far as
 * can be known without trying; the rest is thrown by {@link performCgroup}.
 */
export function planCgroup(host: CgroupHost, path: string, resources: OciResources): CgroupAction[] {
  checkPath(path);
  checkResources(resources);
  if (host.driver === "v2") return planV2(host, path, resources);
  const [unified] = Object.keys(resources.unified ?? {});
  if (unified !== undefined)
    throw new CannotEnforceError(
      optionOf(unified),
      absenceOf(host) ?? "this host has its controllers on cgroup v1",
    );
  return planV1(host, path, resources);
}
