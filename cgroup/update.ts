import { existsSync } from "node:fs";
import { SetupError, UsageError } from "../src/core/errors.ts";
import { join } from "../src/core/join.ts";
import type { OciResources } from "../src/core/oci.ts";
import { performCgroup } from "./action.ts";
import { CannotEnforceError } from "./cannot-enforce.ts";
import { checkResources } from "./check.ts";
import type { CgroupHost, V1Host, V2Host } from "./host.ts";
import type { Limit } from "./limit.ts";
import { checkPath, homeDirectory } from "./place.ts";
import { enableV2, grantsV1, limitAction, makeV1, protect, requireController, v2Needs } from "./plan.ts";
import { adopt, readFileIfAny } from "./processes.ts";
import { shrinkTo } from "./shrink.ts";
import { readStats, readUsage } from "./stats.ts";
import { optionOf } from "./unified.ts";
import { v1Limits } from "./v1/limits.ts";
import { v2Limits } from "./v2/limits.ts";
import { writeValues } from "./write-values.ts";

/** memory.limit may never be above memory.memsw: what grows, grows from the outside in. */
function inOrder(limits: readonly Limit[], growing: boolean): Limit[] {
  if (!growing) return [...limits];
  const isSwap = ({ option }: Limit): boolean => option === "--memory-swap";
  return [...limits.filter(isSwap), ...limits.filter((limit) => !isSwap(limit))];
}

/** Writes limits one after the other, remembering what was there. */
class Writer {
  readonly #before: (() => void)[] = [];

  write(directory: string, limit: Limit): void {
    const file = limit.targets.map((target) => join(directory, target.file)).find((path) => existsSync(path));
    const text = file === undefined ? undefined : readFileIfAny(file);
    if (file !== undefined && text !== undefined) {
      // Writing nothing is no write: an empty line stands for an empty value.
      const lines = text
        .trimEnd()
        .split("\n")
        .map((line) => (line === "" ? "\n" : line));
      this.#before.push(() => writeValues(file, lines));
    }
    performCgroup(limitAction(directory, limit));
  }

  /** Has `act` done after what is written from now on has been taken back. */
  before(act: () => void): void {
    this.#before.push(act);
  }

  /** Everything as it was, as far as the kernel lets it. */
  restore(): void {
    for (const back of this.#before.reverse()) {
      try {
        back();
      } catch (error) {
        // What has been used meanwhile cannot always be taken back: the error that is being told says enough.
        if (!(error instanceof Error)) throw error;
      }
    }
  }
}

function updateV1(host: V1Host, path: string, resources: OciResources, writer: Writer): void {
  const wanted = resources.memory?.limit;
  const now = readStats(host, path).memory?.limit ?? Number.POSITIVE_INFINITY;
  const limits = inOrder(v1Limits(resources), wanted !== undefined && (wanted < 0 || wanted > now));
  for (const limit of limits) requireController(host, limit);
  const grants = grantsV1(host, path, resources, limits);
  for (const limit of limits) {
    const directory = join(host.controllers.get(limit.controller) ?? "", path);
    const isNew = !existsSync(directory);
    // A hierarchy it had no need of so far: made with its limit, and only then joined.
    if (isNew) for (const action of makeV1(host, limit.controller, path)) performCgroup(action);
    if (limit.option === "--cpu-rt-runtime") for (const action of grants) performCgroup(action);
    writer.write(directory, limit);
    if (isNew) adopt(homeDirectory(host, path), directory);
  }
}

function updateV2(host: V2Host, path: string, resources: OciResources, writer: Writer): void {
  const { limits, controllers } = v2Needs(host, v2Limits(resources));
  const most = resources.memory?.limit ?? 0;
  for (const action of enableV2(host, path, controllers)) performCgroup(action);
  const sharing = protect(host, path, limits);
  // Whatever comes of it, the last thing: those above go by what is there then.
  for (const action of sharing) writer.before(() => performCgroup(action));
  const write = (): void => {
    for (const limit of limits) writer.write(join(host.root, path), limit);
  };
  if (most > 0) shrinkTo(host, path, most, write);
  else write();
  for (const action of sharing) performCgroup(action);
}

/** What an update of a running container has to say of its own accord, and what takes all of it back. */
export interface UpdatedCgroup {
  readonly warnings: readonly string[];
  readonly undo: () => void;
}

/** The kernel takes a limit below what there is, and ends nobody for it. */
function warningsOf(host: CgroupHost, path: string, { pids }: OciResources): string[] {
  const { current = 0 } = readUsage(host, path).pids ?? {};
  if (pids === undefined || pids.limit <= 0 || current <= pids.limit) return [];
  return [
    `--pids-limit: it has ${current} processes and threads already: until fewer than ${pids.limit} are left none can be started`,
  ];
}

/**
 * Changes limits of a running container; what is not named keeps its value. Device rules stay as they are. When one
 * write fails those before it are taken back, and the error names the one.
 * @throws UsageError, CannotEnforceError as for a new container; SetupError when the container has no cgroup.
 */
export function updateCgroup(host: CgroupHost, path: string, resources: OciResources): UpdatedCgroup {
  checkPath(path);
  checkResources(resources, true);
  if (!existsSync(homeDirectory(host, path)))
    throw new SetupError(`cgroup ${path} does not exist: is it running?`);
  if (host.driver === "v2") {
    const { memory } = resources;
    if (memory?.swap !== undefined && memory.swap > 0 && !memory.limit) {
      throw new UsageError(`--memory-swap: ${memory.swap}: needs --memory: it is memory and swap together`);
    }
  }
  const [unified] = Object.keys(resources.unified ?? {});
  if (unified !== undefined && host.driver === "v1")
    throw new CannotEnforceError(optionOf(unified), "this host has its controllers on cgroup v1");
  const writer = new Writer();
  try {
    if (host.driver === "v2") updateV2(host, path, resources, writer);
    else updateV1(host, path, resources, writer);
  } catch (error) {
    writer.restore();
    throw error;
  }
  return { warnings: warningsOf(host, path, resources), undo: () => writer.restore() };
}
