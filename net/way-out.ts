import type { Network } from "./network.ts";

/** Whether a container's default route of each family leads by an interface. */
export interface Routes {
  readonly v4: boolean;
  readonly v6: boolean;
}

/** True for ipvlan modes in which the kernel itself routes: there is no neighbour to ask for a MAC. */
function routesItself({ driver, mode }: Pick<Network, "driver" | "mode">): boolean {
  return driver === "ipvlan" && mode !== undefined && mode !== "l2";
}

/** Where default routes lead by an interface. */
interface RouteFields {
  readonly gateway?: string | undefined;
  readonly gateway6?: string | undefined;
  /** Into the link itself, without a gateway. */
  readonly direct?: Routes | undefined;
}

/** The default routes of an interface that these families lead by. */
export function routeFields(network: Network, routes: Routes): RouteFields {
  if (routesItself(network)) return { direct: routes };
  return {
    gateway: routes.v4 && network.gateway !== "" ? network.gateway : undefined,
    gateway6: routes.v6 ? network.gateway6 : undefined,
  };
}

/** Which families a network leads out of. */
export function waysOut(network: Network): Routes {
  const { internal, gateway, subnet6, gateway6 } = network;
  if (internal) return { v4: false, v6: false };
  if (routesItself(network)) return { v4: true, v6: subnet6 !== undefined };
  return { v4: gateway !== "", v6: gateway6 !== undefined };
}

/**
 * Chooses, for each family, the one interface of a container that its default route leads by: the one of the highest
 * priority among those whose network leads out, the first of several.
 */
export function chooseRoutes(
  interfaces: readonly { readonly network: Network; readonly priority?: number | undefined }[],
): Routes[] {
  const ways = interfaces.map(({ network }) => waysOut(network));
  const best = (family: keyof Routes): number => {
    let found = -1;
    interfaces.forEach(({ priority = 0 }, at) => {
      if (ways[at]?.[family] !== true) return;
      if (found < 0 || priority > (interfaces[found]?.priority ?? 0)) found = at;
    });
    return found;
  };
  const [v4, v6] = [best("v4"), best("v6")];
  return interfaces.map((_, at) => ({ v4: at === v4, v6: at === v6 }));
}
