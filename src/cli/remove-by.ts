import type { ContainerRecord } from "../container/record.ts";
import { removeContainer } from "../container/remove.ts";
import type { Instance } from "../core/paths.ts";
import type { Keepers } from "./keeper.ts";

/** Removes a container, by the supervisor where that keeps it. @throws as removeContainer does */
export async function removeBy(
  instance: Instance,
  keepers: Keepers,
  record: ContainerRecord,
  { force, volumes }: { readonly force: boolean; readonly volumes: boolean },
): Promise<void> {
  const keeper = await keepers(record);
  if (keeper === undefined) await removeContainer(instance, record, { force, volumes });
  else await keeper.request("DELETE", `/containers/${record.id}`, { query: { force, v: volumes } });
}
