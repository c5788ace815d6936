import type { Route } from "../../netlink/route.ts";
import { isInBlock } from "../block.ts";
import type { Facts } from "../facts.ts";

const RT_TABLE_MAIN = 254;

/** What the main table alone says of a destination: the longest prefix wins, then the lowest metric. */
export function mainTable({ routes }: Pick<Facts, "routes">, destination: string): Route | undefined {
  return routes
    .filter(
      (route) =>
        route.table === RT_TABLE_MAIN && isInBlock(destination, `${route.destination}/${route.prefixLength}`),
    )
    .sort((one, other) => other.prefixLength - one.prefixLength || one.metric - other.metric)[0];
}
