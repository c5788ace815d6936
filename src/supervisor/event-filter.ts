import type { EngineEvent } from "./events.ts";
import type { Filters } from "./http/query.ts";

/** The filters that GET /events knows. */
export const eventFilters: readonly string[] = [
  "container",
  "daemon",
  "event",
  "image",
  "label",
  "network",
  "scope",
  "type",
  "volume",
];

/** `exec_create: ls` is an `exec_create`, and `health_status: healthy` a `health_status`. */
function isAction(action: string, wanted: string): boolean {
  return action === wanted || action.startsWith(`${wanted}:`);
}

function hasLabel(event: EngineEvent, wanted: string): boolean {
  const [name = "", ...value] = wanted.split("=");
  const found = Object.hasOwn(event.actor.attributes, name) ? event.actor.attributes[name] : undefined;
  return found !== undefined && (value.length === 0 || found === value.join("="));
}

/** The object of an event by its id, the beginning of it, or its name. */
function isActor({ actor }: EngineEvent, wanted: string): boolean {
  const name = wanted.replace(/^\//, "");
  return actor.attributes["name"] === name || (name !== "" && actor.id.startsWith(name));
}

/** `lab:latest` is also `lab`. */
function isImage({ type, actor }: EngineEvent, wanted: string): boolean {
  const image = type === "image" ? (actor.attributes["name"] ?? actor.id) : actor.attributes["image"];
  if (image === undefined) return false;
  return image === wanted || actor.id === wanted || image.replace(/:[\w.-]+$/, "") === wanted;
}

function matchesOne(event: EngineEvent, name: string, wanted: string): boolean {
  switch (name) {
    case "type":
      return event.type === wanted;
    case "event":
      return isAction(event.action, wanted);
    case "label":
      return hasLabel(event, wanted);
    case "image":
      return isImage(event, wanted);
    case "scope":
      return wanted === "local";
    default:
      // An event of a network names the container that was connected.
      return (event.type === name && isActor(event, wanted)) || event.actor.attributes[name] === wanted;
  }
}

/** True when the event is what the filters ask for: of each name, one value; of labels, all. */
export function matchesFilters(event: EngineEvent, filters: Filters): boolean {
  return [...filters].every(([name, values]) => {
    const matches = (wanted: string): boolean => matchesOne(event, name, wanted);
    return name === "label" ? values.every(matches) : values.length === 0 || values.some(matches);
  });
}
