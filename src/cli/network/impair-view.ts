import type { Direction } from "../../../net/impair/cable.ts";
import { describeImpairment } from "../../../net/impair/text.ts";
import { impairmentDocument } from "../../container/impair/document.ts";
import type { ImpairmentState } from "../../container/impair/impair.ts";
import type { Timed } from "../../container/impair/timers.ts";
import { monotonicMs } from "../../core/clock.ts";
import { renderTable } from "../table.ts";

/** The state of one interface, and whose it is. */
export interface ContainerState {
  readonly container: string;
  readonly state: ImpairmentState;
}

function remaining(timed: readonly Timed[], direction: Direction | undefined): string {
  const ends = timed.filter((one) => one.direction === direction).map(({ until }) => until);
  if (ends.length === 0) return "";
  return `${Math.max(0, (Math.max(...ends) - monotonicMs()) / 1000).toFixed(1)}s`;
}

/** A table of interfaces and directions, with what is done and what that has dropped. */
export function renderStates(states: readonly ContainerState[]): string {
  const rows = states.flatMap(({ container, state }) => {
    const { ifname, network = "", down, mtu, queues, timed } = state;
    const link = [down ? "down" : "", mtu === undefined ? "" : `mtu ${mtu}`].filter((word) => word !== "");
    return [
      ...(link.length === 0
        ? []
        : [[container, ifname, network, "link", link.join(" "), "", "", remaining(timed, undefined)]]),
      ...(Object.entries(queues) as [Direction, NonNullable<ImpairmentState["queues"][Direction]>][]).map(
        ([direction, { impairment, foreign, counters }]) => [
          container,
          ifname,
          network,
          direction,
          foreign === undefined ? describeImpairment(impairment) || "none" : `not mdocker's: ${foreign}`,
          counters === undefined ? "" : String(counters.packets),
          counters === undefined ? "" : String(counters.dropped),
          remaining(timed, direction),
        ],
      ),
    ];
  });
  return renderTable(
    ["CONTAINER", "INTERFACE", "NETWORK", "DIRECTION", "IMPAIRMENT", "SENT", "DROPPED", "FOR"],
    rows,
  );
}

/** The same for programs, with what was counted. */
export function documentOf(states: readonly ContainerState[]): object[] {
  return states.map(({ container, state }) => ({
    container,
    interface: state.ifname,
    network: state.network,
    ...impairmentDocument(state),
    counters: Object.fromEntries(
      Object.entries(state.queues).map(([direction, { counters }]) => [direction, counters]),
    ),
  }));
}
