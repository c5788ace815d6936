import { renameLease } from "../../net/ipam.ts";
import { ConflictError, UsageError } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { changeRecord } from "./change-record.ts";
import { readRequest, writeRequest } from "./create.ts";
import { namePattern } from "./names.ts";
import { freeAbandonedName } from "./orphans.ts";
import type { ContainerRecord } from "./record.ts";
import { releaseName, takeName } from "./store.ts";

/**
 * Gives a container, also one that runs, another name. It is known by both names for a moment, never by none.
 * @throws ConflictError when the name is taken or its own; UsageError when it is no name.
 */
export async function renameContainer(
  instance: Instance,
  record: ContainerRecord,
  wanted: string,
): Promise<void> {
  const name = wanted.replace(/^\//, "");
  if (!namePattern.test(name)) {
    throw new UsageError(
      `${JSON.stringify(wanted)}: expected letters, digits, _ . or -, beginning with a letter or digit`,
    );
  }
  const { id } = record;
  if (name === record.name)
    throw new ConflictError(`container ${id.slice(0, 12)} has the name ${name} already`);
  await freeAbandonedName(instance, name);
  takeName(instance, name, id);
  try {
    changeRecord(instance, id, (now) => ({ ...now, name }));
  } catch (error) {
    releaseName(instance, name, id);
    throw error;
  }
  const request = readRequest(instance, id);
  if (request !== undefined) writeRequest(instance, id, { ...request, name });
  for (const { network: on } of record.endpoints)
    renameLease(instance, { name: on }, id, (names) => [
      name,
      ...names.filter((one) => one !== record.name && one !== name),
    ]);
  releaseName(instance, record.name, id);
}
