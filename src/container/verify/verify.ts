import { detectCgroups } from "../../../cgroup/host.ts";
import { listProcesses } from "../../../cgroup/processes.ts";
import { ConflictError } from "../../core/errors.ts";
import type { Instance } from "../../core/paths.ts";
import { pause } from "../../core/pause.ts";
import { isAlive } from "../../sys/process.ts";
import { listOpenFiles } from "../leaks.ts";
import type { ContainerRecord } from "../record.ts";
import { readSpec } from "../store.ts";
import { type Finding, findings, listed } from "./finding.ts";
import { verifyLimits } from "./limits.ts";
import { verifyMounts } from "./mounts.ts";
import { verifyNamespaces } from "./namespaces.ts";
import { verifyNetwork } from "./network.ts";
import { verifyPrivileges } from "./privileges.ts";
import { readProcess, type Subject } from "./subject.ts";

/** Open files that lead out; the standard streams were given, and lead where they were meant to. */
function verifyOpenFiles({ record }: Subject): Finding[] {
  const { list, add } = findings("open files");
  const all = listOpenFiles(record);
  const out = all.flatMap(({ pid, command, files }) =>
    files
      .filter(({ leadsOut, standard }) => leadsOut !== undefined && !standard)
      .map(({ fd, name }) => `${fd} of ${command} (${pid}): ${name}`),
  );
  const count = all.reduce((sum, { files }) => sum + files.length, 0);
  const expected = "none but standard streams";
  add(
    "open files that lead out",
    expected,
    out.length === 0 ? `none of ${count}` : listed(out, 12),
    out.length === 0,
  );
  return list;
}

function lookOnce(instance: Instance, record: ContainerRecord): Finding[] {
  const { init, cgroup } = record;
  if (
    (record.state !== "running" && record.state !== "paused") ||
    init === undefined ||
    cgroup === undefined
  ) {
    throw new ConflictError(`container ${record.name} is not running`);
  }
  const cgroups = detectCgroups();
  const pids = listProcesses(cgroups, cgroup, init.pid).sort((a, b) => a - b);
  const processes = pids.flatMap((pid) => readProcess(pid, init.pid) ?? []);
  const spec = readSpec(instance, record.id);
  const subject = { instance, record, spec, cgroups, init: init.pid, cgroup, processes };
  const found = [
    verifyNamespaces,
    verifyMounts,
    verifyLimits,
    verifyPrivileges,
    verifyOpenFiles,
    verifyNetwork,
  ].flatMap((verify) => verify(subject));
  // Asked last: what lives now is what was looked at.
  if (!isAlive(init)) throw new ConflictError(`container ${record.name} has ended meanwhile`);
  return found;
}

/** A look takes so long at most to be clean: a process that exec is just bringing in is not confined yet. */
const looks = 4;
const betweenMs = 50;

/**
 * Looks at a running container from outside, by what the kernel says of it now, and holds that against what was asked
 * for. What does not hold is looked at again before it counts. Changes nothing.
 * @throws ConflictError when it does not run.
 */
export function verifyContainer(instance: Instance, record: ContainerRecord): Finding[] {
  let found = lookOnce(instance, record);
  for (let look = 1; look < looks && found.some(({ ok }) => !ok); look += 1) {
    pause(betweenMs);
    found = lookOnce(instance, record);
  }
  return found;
}
