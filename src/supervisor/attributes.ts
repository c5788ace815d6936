import type { ContainerRecord } from "../container/record.ts";
import type { EngineEvent } from "./events.ts";

/** A container event, with what docker's clients show of the container. */
export function containerEvent(
  action: string,
  record: Pick<ContainerRecord, "id" | "name" | "image" | "labels">,
  more: Readonly<Record<string, string>> = {},
): Omit<EngineEvent, "timeNano"> {
  const attributes = { ...record.labels, image: record.image, name: record.name, ...more };
  return { type: "container", action, actor: { id: record.id, attributes } };
}
