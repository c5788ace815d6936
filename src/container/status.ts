import { describeAge } from "../core/age.ts";
import type { ContainerRecord } from "./record.ts";

/** `(healthy)` and its kin, as docker puts it behind the time that a container is up. */
function health({ health: found }: ContainerRecord): string {
  if (found === undefined) return "";
  return found.status === "starting" ? " (health: starting)" : ` (${found.status})`;
}

/**
 * What a container is doing, in docker's words, and why it has ended where that is known: `Up 3 minutes (healthy)`,
 * `Exited (137) 2 seconds ago (oom-killed)`. `now` in milliseconds since 1970.
 */
export function describeStatus(record: ContainerRecord, now: number): string {
  const since = (time: string): string => describeAge(Math.max(0, now - Date.parse(time)));
  switch (record.state) {
    case "running":
      return `Up ${since(record.started ?? record.created)}${health(record)}`;
    case "paused":
      return `Up ${since(record.started ?? record.created)} (Paused)`;
    case "restarting":
      return `Restarting (${record.exit?.code ?? 0}) ${since(record.exit?.at ?? record.created)} ago`;
    case "exited": {
      const { exit } = record;
      if (exit === undefined) return "Exited (unknown)";
      const reason = exit.reason ?? (exit.oomKilled ? "oom-killed" : undefined);
      return `Exited (${exit.code}) ${since(exit.at)} ago${reason === undefined ? "" : ` (${reason})`}`;
    }
    case "creating":
      return "Creating";
    case "created":
      return "Created";
    case "starting":
      return "Starting";
    case "dead":
      return "Dead";
    default:
      return record.state satisfies never;
  }
}

/** The networks of a container by name, or how else it is connected. */
export function networksOf({ network }: ContainerRecord): string[] {
  if (network.kind === "bridge") return network.attachments.map((attachment) => attachment.network);
  return [network.kind === "container" ? `container:${network.container}` : network.kind];
}
