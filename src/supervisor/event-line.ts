import type { EngineEvent } from "./events.ts";

/** One line of GET /events: the event as docker's clients know it, newer fields and older. */
export function eventLine({ type, action, actor, timeNano }: EngineEvent): string {
  const older =
    type === "container" ? { status: action, id: actor.id, from: actor.attributes["image"] ?? "" } : {};
  const event = {
    ...older,
    Type: type,
    Action: action,
    Actor: { ID: actor.id, Attributes: actor.attributes },
    scope: "local",
    time: Number(timeNano / 1_000_000_000n),
  };
  // More digits than a number of JavaScript has.
  return `${JSON.stringify(event).slice(0, -1)},"timeNano":${timeNano}}\n`;
}
