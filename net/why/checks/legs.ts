import type { Case } from "../case.ts";
import type { Hop } from "../hop.ts";
import type { Leg, Way } from "../way.ts";
import { checkTable } from "./conntrack.ts";
import { checkBridged, checkFirewallAfter, checkFirewallBefore } from "./firewall.ts";
import { checkForwarding, checkReversePath } from "./forward.ts";
import { checkListener } from "./listener.ts";
import { checkMtu } from "./mtu.ts";
import { checkMapping, checkMasquerade } from "./nat.ts";
import { checkNeighbour } from "./neighbour.ts";
import { checkPorts } from "./port.ts";
import { checkQueues } from "./qdisc.ts";
import { checkRoute } from "./route.ts";

/** All checks of one leg, in the order in which a packet meets what they look at. */
function checkLeg(it: Case, leg: Leg, answer: boolean): Hop[] {
  const found: (Hop | undefined)[] = [
    ...checkFirewallBefore(it, leg, answer),
    ...(answer ? [] : checkMapping(it, leg)),
    ...checkRoute(it, leg),
    checkReversePath(it, leg),
    checkForwarding(leg),
    ...(leg.station === it.scene.host && !answer ? [checkTable(it)] : []),
  ];
  if (!("refused" in leg.routing)) {
    found.push(...checkFirewallAfter(it, leg, answer));
    if (leg.local) {
      if (!answer) found.push(checkListener(it, leg));
    } else {
      found.push(
        ...(answer ? [] : checkMasquerade(it, leg)),
        checkNeighbour(it, leg),
        ...checkQueues(leg),
        checkMtu(leg),
        checkPorts(it, leg),
        ...checkBridged(it, leg, answer),
      );
    }
  }
  return found.flatMap((hop) => hop ?? []);
}

/** All checks of a way. */
export function checkWay(it: Case, way: Way, answer: boolean): Hop[] {
  return way.legs.flatMap((leg) => checkLeg(it, leg, answer));
}
