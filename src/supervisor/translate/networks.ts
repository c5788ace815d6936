import { namesOf } from "../../container/host-names.ts";
import { findListedNetwork } from "../../container/networks.ts";
import type { ContainerRecord } from "../../container/record.ts";
import { NotFoundError } from "../../core/errors.ts";
import type { Attachment } from "../../core/network-request.ts";
import type { Instance } from "../../core/paths.ts";
import { newestApi } from "../http/version.ts";

/** The id of a network; empty for one that has been removed. */
async function networkId(instance: Instance, name: string): Promise<string> {
  try {
    return (await findListedNetwork(instance, name)).id;
  } catch (error) {
    if (error instanceof NotFoundError) return "";
    throw error;
  }
}

/** What of a description is not in the record. */
interface EndpointContext {
  readonly hostname: string | undefined;
  /** Minor number of the API's version; absent: the newest. */
  readonly api?: number | undefined;
}

/** Until this version the short id was among the aliases; since then it is among the DNSNames (docker's version history). */
const dnsNamesAlone = 45;

/** The addresses that were asked for; null for none. */
function ipamConfig({ address, address6, linkLocal }: Partial<Attachment>): object | null {
  if (address === undefined && address6 === undefined && linkLocal === undefined) return null;
  return {
    ...(address !== undefined && { IPv4Address: address }),
    ...(address6 !== undefined && { IPv6Address: address6 }),
    ...(linkLocal !== undefined && { LinkLocalIPs: linkLocal }),
  };
}

/** The networks of a container as `NetworkSettings.Networks` has them; addresses only while it runs. */
export async function describeEndpoints(
  instance: Instance,
  record: ContainerRecord,
  { hostname, api = newestApi }: EndpointContext = { hostname: undefined },
): Promise<Readonly<Record<string, object>>> {
  const { id, network, endpoints, state } = record;
  if (network.kind === "container") return {};
  const attachments =
    network.kind === "bridge" ? network.attachments : [{ network: network.kind, ifname: "" }];
  const runs = state === "running" || state === "paused";
  const described = attachments.map(async (attachment) => {
    const endpoint = runs ? endpoints.find((one) => one.network === attachment.network) : undefined;
    const asked: Partial<Attachment> = attachment;
    const given = asked.aliases;
    const named = network.kind === "bridge";
    // docker-compose connects a container anew where it does not find its short id.
    const withId = named && attachment.network !== "bridge" && api < dnsNamesAlone;
    const aliases = withId ? [...new Set([...(given ?? []), id.slice(0, 12)])] : (given ?? null);
    const NetworkID = await networkId(instance, attachment.network);
    return [
      attachment.network,
      {
        IPAMConfig: ipamConfig(asked),
        Links: null,
        Aliases: aliases,
        DriverOpts: null,
        DNSNames: named ? namesOf(record, hostname, given) : null,
        NetworkID,
        EndpointID:
          endpoint === undefined
            ? ""
            : Buffer.from(`${id.slice(0, 24)}${endpoint.ifname}`)
                .toString("hex")
                .padEnd(64, "0")
                .slice(0, 64),
        Gateway: endpoint?.gateway ?? "",
        IPAddress: endpoint?.address ?? "",
        IPPrefixLen: endpoint?.prefixLength ?? 0,
        MacAddress: endpoint?.mac ?? "",
        IPv6Gateway: endpoint?.gateway6 ?? "",
        GlobalIPv6Address: endpoint?.address6 ?? "",
        GlobalIPv6PrefixLen: endpoint?.prefixLength6 ?? 0,
        GwPriority: asked.gatewayPriority ?? 0,
      },
    ] as const;
  });
  return Object.fromEntries(await Promise.all(described));
}

/** The mode of `HostConfig.NetworkMode`. */
export function networkMode({ network }: ContainerRecord): string {
  if (network.kind === "container") return `container:${network.container}`;
  return network.kind === "bridge" ? (network.attachments[0]?.network ?? "none") : network.kind;
}
