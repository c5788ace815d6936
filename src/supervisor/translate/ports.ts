import { publishedPorts, unpublishedPorts } from "../../container/ports.ts";
import type { ContainerRecord } from "../../container/record.ts";

type Binding = { readonly HostIp: string; readonly HostPort: string };

/** `NetworkSettings.Ports`: where the ports of a container that runs are published; null for one that is not. */
export function describePortMap(record: ContainerRecord): Record<string, readonly Binding[] | null> {
  const map: Record<string, Binding[] | null> = {};
  for (const port of unpublishedPorts(record)) map[port] = null;
  for (const { containerPort, protocol, hostAddress, hostPort } of publishedPorts(record)) {
    const bindings = map[`${containerPort}/${protocol}`] ?? [];
    map[`${containerPort}/${protocol}`] = [...bindings, { HostIp: hostAddress, HostPort: String(hostPort) }];
  }
  return map;
}

/** `HostConfig.PortBindings`: what was asked for. */
export function describePortBindings({ network }: ContainerRecord): Record<string, readonly Binding[]> {
  const map: Record<string, Binding[]> = {};
  for (const mapping of network.kind === "bridge" ? (network.ports ?? []) : []) {
    const { containerPort, protocol, hostAddress = "", hostPort, lastHostPort } = mapping;
    const HostPort = [hostPort, lastHostPort].filter((port) => port !== undefined).join("-");
    const bindings = map[`${containerPort}/${protocol}`] ?? [];
    map[`${containerPort}/${protocol}`] = [...bindings, { HostIp: hostAddress, HostPort }];
  }
  return map;
}

/** `Config.ExposedPorts`: of image, request and mappings; undefined for none, as docker leaves it out. */
export function describeExposed(record: ContainerRecord): Record<string, object> | undefined {
  const ports = [...(record.exposed ?? []), ...Object.keys(describePortBindings(record))];
  return ports.length === 0 ? undefined : Object.fromEntries(ports.map((port) => [port, {}]));
}

/** The ports of an entry of GET /containers/json. */
export function describePortList(record: ContainerRecord): object[] {
  return [
    ...publishedPorts(record).map(({ hostAddress, containerPort, hostPort, protocol }) => ({
      IP: hostAddress,
      PrivatePort: containerPort,
      PublicPort: hostPort,
      Type: protocol,
    })),
    ...unpublishedPorts(record).map((port) => {
      const [number, Type] = port.split("/");
      return { PrivatePort: Number(number), Type };
    }),
  ];
}
