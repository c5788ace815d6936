import type { ContainerRecord } from "../container/record.ts";
import type { Instance } from "../core/paths.ts";
import { findSupervisor, type SupervisorClient } from "./client.ts";

/**
 * The supervisor, where one is there and keeps this container: what is done to the container is then asked of it, so that
 * it does not start it again, and those who listen to events hear of it. Undefined: do it without, by files alone.
 */
export type Keepers = (record: ContainerRecord) => Promise<SupervisorClient | undefined>;

/** Looks for the supervisor once, when the first container comes that it would keep. */
export function keepersOf(instance: Instance): Keepers {
  let found: Promise<SupervisorClient | undefined> | undefined;
  return async (record) => {
    if (record.foreground) return undefined;
    found ??= findSupervisor(instance);
    return found;
  };
}
