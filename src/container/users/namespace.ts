import { closeSync, openSync, writeFileSync } from "node:fs";
import type { IdMap } from "../../core/id-ranges.ts";
import type { Instance } from "../../core/paths.ts";
import { clone } from "../../program/calls/process.ts";
import { ProgramBuilder } from "../../program/step.ts";
import { cloneFlags } from "../../sys/namespaces.ts";
import { awaitParent } from "../command.ts";
import { inherited } from "../inherited.ts";
import { abandon, awaitChild, launch } from "../launch.ts";

/** user_namespaces(7): ids 0 to size - 1 of the namespace of `pid` are those of the host from `uid` and `gid` on. */
export function mapUsers(pid: number, { uid, gid, size }: IdMap): void {
  writeFileSync(`/proc/${pid}/uid_map`, `0 ${uid} ${size}`);
  writeFileSync(`/proc/${pid}/gid_map`, `0 ${gid} ${size}`);
}

/**
 * An open file of a user namespace that is mapped so: what mount_setattr(2) takes the mapping of a mount from, before
 * there is a container that has the same. The process that made it is gone when this returns; the caller closes the file.
 */
export function openMapping(instance: Instance, ids: IdMap): number {
  const builder = new ProgramBuilder();
  builder.add(
    "launch",
    clone({ flags: cloneFlags.user, target: "child", reason: "users to take a mapping from" }),
  );
  awaitParent(builder, "only its namespace is wanted");
  const program = builder.build({
    ...{ init: false, hangupKills: true },
    ...{ controlFd: inherited.control, syncFd: inherited.sync },
  });
  const empty = openSync("/dev/null", "r+");
  try {
    const launched = launch(program, {
      runDirectory: instance.state,
      stdio: [empty, empty, empty],
      traced: false,
    });
    try {
      const { pid } = awaitChild(launched, program);
      mapUsers(pid, ids);
      return openSync(`/proc/${pid}/ns/user`, "r");
    } finally {
      abandon(launched, program);
    }
  } finally {
    closeSync(empty);
  }
}
