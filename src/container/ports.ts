import type { PublishedPort } from "../core/port-mapping.ts";
import type { ContainerRecord } from "./record.ts";

/** `0.0.0.0:8080`, `[::]:8080`. */
export function hostPlace({ hostAddress, hostPort }: PublishedPort): string {
  return `${hostAddress.includes(":") ? `[${hostAddress}]` : hostAddress}:${hostPort}`;
}

/** What a container publishes now: nothing unless it runs. By its own ports, as docker sorts them. */
export function publishedPorts({ state, ports = [] }: ContainerRecord): readonly PublishedPort[] {
  if (state !== "running" && state !== "paused") return [];
  return [...ports].sort(
    (a, b) =>
      a.containerPort - b.containerPort ||
      a.protocol.localeCompare(b.protocol) ||
      a.hostAddress.localeCompare(b.hostAddress) ||
      a.hostPort - b.hostPort,
  );
}

/** The ports that a container that runs listens on by its own account, and does not publish: `80/tcp`. */
export function unpublishedPorts(record: ContainerRecord): readonly string[] {
  const { state, exposed = [] } = record;
  if (state !== "running" && state !== "paused") return [];
  const published = new Set(
    publishedPorts(record).map(({ containerPort, protocol }) => `${containerPort}/${protocol}`),
  );
  return exposed.filter((port) => !published.has(port));
}

/** Ports that follow one another on both sides, of one address and protocol. */
interface Run extends PublishedPort {
  readonly count: number;
}

function runsOf(ports: readonly PublishedPort[]): Run[] {
  const runs: Run[] = [];
  for (const port of ports) {
    const at = runs.findIndex(
      (run) =>
        run.hostAddress === port.hostAddress &&
        run.protocol === port.protocol &&
        run.hostPort + run.count === port.hostPort &&
        run.containerPort + run.count === port.containerPort,
    );
    const run = runs[at];
    if (run === undefined) runs.push({ ...port, count: 1 });
    else runs[at] = { ...run, count: run.count + 1 };
  }
  return runs;
}

const range = (first: number, count: number): string =>
  count === 1 ? `${first}` : `${first}-${first + count - 1}`;

/** The column PORTS: `127.0.0.1:8080->80/tcp, 0.0.0.0:8000-8002->80-82/udp, 443/tcp`. */
export function describePorts(record: ContainerRecord): string {
  const published = runsOf(publishedPorts(record)).map(
    ({ hostPort, containerPort, count, protocol, ...run }) => {
      const address = run.hostAddress.includes(":") ? `[${run.hostAddress}]` : run.hostAddress;
      return `${address}:${range(hostPort, count)}->${range(containerPort, count)}/${protocol}`;
    },
  );
  return [...published, ...unpublishedPorts(record)].join(", ");
}
