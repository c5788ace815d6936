import type { Flow } from "./flow.ts";
import type { Station } from "./station.ts";
import type { Way } from "./way.ts";

/** The answer to a packet: everything the other way round. */
export function answerFlow({ protocol, source, destination, sourcePort, destinationPort }: Flow): Flow {
  return {
    protocol,
    source: destination,
    destination: source,
    sourcePort: destinationPort,
    destinationPort: sourcePort,
  };
}

/** What each station makes of the addresses of an answer: its translations of the packet, taken back. */
export function translateBack({ legs }: Way): (at: Station, flow: Flow) => Flow {
  const translations = legs.flatMap((leg) => leg.translations);
  return (at, flow) => {
    let changed = flow;
    for (const { station, kind, before, after } of [...translations].reverse()) {
      if (station.name !== at.name) continue;
      if (kind === "source" && changed.destination === after.source) {
        changed = { ...changed, destination: before.source };
      }
      if (kind === "destination" && changed.source === after.destination) {
        changed = { ...changed, source: before.destination, sourcePort: before.destinationPort };
      }
    }
    return changed;
  };
}
