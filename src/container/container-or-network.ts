import { NotFoundError } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { findListedNetwork, type ListedNetwork } from "./networks.ts";
import type { ContainerRecord } from "./record.ts";
import { findContainer } from "./refresh.ts";

/**
 * A container by name or id, else a network: of two of one name the container is meant.
 * @throws NotFoundError when there is neither, UsageError when it is ambiguous.
 */
export async function findContainerOrNetwork(
  instance: Instance,
  reference: string,
): Promise<
  | { readonly kind: "container"; readonly record: ContainerRecord }
  | { readonly kind: "network"; readonly network: ListedNetwork }
> {
  try {
    return { kind: "container", record: findContainer(instance, reference) };
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
  }
  try {
    return { kind: "network", network: await findListedNetwork(instance, reference) };
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    throw new NotFoundError(`no such container or network: ${reference}`);
  }
}
