import { findListedNetwork } from "../../container/networks.ts";
import type { ContainerRecord } from "../../container/record.ts";
import { NotFoundError } from "../../core/errors.ts";
import type { Instance } from "../../core/paths.ts";

/** The id of a network; empty for one that has been removed. */
async function networkId(instance: Instance, name: string): Promise<string> {
  try {
    return (await findListedNetwork(instance, name)).id;
  } catch (error) {
    if (error instanceof NotFoundError) return "";
    throw error;
  }
}

/** The networks of a container as `NetworkSettings.Networks` has them; addresses only while it runs. */
export async function describeEndpoints(
  instance: Instance,
  { id, network, endpoints, state }: ContainerRecord,
): Promise<Readonly<Record<string, object>>> {
  if (network.kind === "container") return {};
  const attachments =
    network.kind === "bridge" ? network.attachments : [{ network: network.kind, ifname: "" }];
  const runs = state === "running" || state === "paused";
  const described = attachments.map(async (attachment) => {
    const endpoint = runs ? endpoints.find((one) => one.network === attachment.network) : undefined;
    const fixed = "address" in attachment ? attachment.address : undefined;
    const aliases = "aliases" in attachment ? (attachment.aliases ?? null) : null;
    const NetworkID = await networkId(instance, attachment.network);
    return [
      attachment.network,
      {
        IPAMConfig: fixed === undefined ? null : { IPv4Address: fixed },
        Links: null,
        Aliases: aliases,
        DriverOpts: null,
        DNSNames: attachment.network === "bridge" ? null : [...(aliases ?? []), id.slice(0, 12)],
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
        IPv6Gateway: "",
        GlobalIPv6Address: "",
        GlobalIPv6PrefixLen: 0,
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
