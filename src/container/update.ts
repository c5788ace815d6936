import { checkResources } from "../../cgroup/check.ts";
import { detectCgroups } from "../../cgroup/host.ts";
import { containerCgroup } from "../../cgroup/place.ts";
import { planCgroup } from "../../cgroup/plan.ts";
import { updateCgroup } from "../../cgroup/update.ts";
import { writeFileAtomic } from "../core/atomic.ts";
import { ConflictError } from "../core/errors.ts";
import type { OciResources } from "../core/oci.ts";
import type { Instance } from "../core/paths.ts";
import { UndoStack } from "../core/undo.ts";
import { changeRecord } from "./change-record.ts";
import { readRequest, writeRequest } from "./create.ts";
import { noteLateCgroups } from "./late-cgroups.ts";
import { changedGroups, withoutLifted } from "./merge-limits.ts";
import type { ContainerRecord } from "./record.ts";
import { isLive } from "./refresh.ts";
import type { RestartRequest } from "./request.ts";
import { containerPaths, readSpec } from "./store.ts";

/** What is changed of a container; what is not named stays. */
export interface UpdateRequest {
  readonly resources?: OciResources | undefined;
  /** Where the CPU quota in `resources` comes from, see {@link RunRequest}. */
  readonly cpus?: number | undefined;
  readonly restart?: RestartRequest | undefined;
}

/**
 * Changes the limits of a container, at once if it runs, and when it is started again. Its record, request and OCI
 * document follow. When something fails all is as it was. Returns lines that who asked should see.
 * @throws UsageError for limits that make no sense together; CannotEnforceError for what this host cannot do;
 * ConflictError for a restart policy of a container that cannot have one.
 */
export async function updateContainer(
  instance: Instance,
  record: ContainerRecord,
  { resources: asked = {}, cpus, restart }: UpdateRequest,
): Promise<readonly string[]> {
  const { id, name, cgroup } = record;
  const request = readRequest(instance, id);
  if (restart !== undefined && request === undefined)
    throw new ConflictError(`container ${name} was run in the foreground: it cannot be started again`);
  if (restart !== undefined && restart.policy !== "no" && request?.autoRemove === true) {
    throw new ConflictError(
      `--restart: container ${name} is removed when it has ended (--rm): it cannot be started again`,
    );
  }
  const changes = changedGroups(record.resources, asked);
  const resources = withoutLifted({ ...record.resources, ...changes });
  checkResources(resources, true);
  // One that does not run has to be able to be started with them.
  if (Object.keys(changes).length > 0 && !isLive(record)) {
    const host = detectCgroups();
    planCgroup(host, containerCgroup(host, instance.prefix, id), resources);
  }
  const undo = new UndoStack();
  const warnings: string[] = [];
  try {
    if (Object.keys(changes).length > 0 && cgroup !== undefined && isLive(record)) {
      noteLateCgroups(instance, id);
      const updated = updateCgroup(detectCgroups(), cgroup, {
        ...changes,
        // Each such file is judged by itself; and memory.high is the supervisor's, too (cgroup/v2/memory-watch.ts).
        ...(asked.unified === undefined ? {} : { unified: asked.unified }),
      });
      undo.push("limits", updated.undo);
      warnings.push(...updated.warnings);
    }
    const spec = readSpec(instance, id);
    const specPath = containerPaths(instance, id).spec;
    undo.push("config.json", () => writeFileAtomic(specPath, JSON.stringify(spec)));
    const linux = { ...spec.linux, resources: withoutLifted({ ...spec.linux.resources, ...changes }) };
    writeFileAtomic(specPath, JSON.stringify({ ...spec, linux }));
    if (request !== undefined) {
      undo.push("request.json", () => writeRequest(instance, id, request));
      const time = asked.cpu?.quota === undefined && asked.cpu?.period === undefined ? request.cpus : cpus;
      writeRequest(instance, id, { ...request, resources, cpus: time, restart: restart ?? request.restart });
    }
    changeRecord(instance, id, (now) => ({ ...now, resources }));
    undo.commit();
    return warnings;
  } finally {
    await undo.unwind();
  }
}
