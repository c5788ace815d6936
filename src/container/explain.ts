import { describeBringUp, expectedMtu } from "../../net/bring-up.ts";
import { namesAddresses } from "../../net/dns/sockets.ts";
import { describeLoopback, type Endpoint, hostEndName, planEndpoint } from "../../net/endpoint.ts";
import { describeEndpoint } from "../../net/endpoint-steps.ts";
import { peekLease } from "../../net/ipam.ts";
import type { Lease } from "../../net/pool.ts";
import { describePublication } from "../../net/ports/publish.ts";
import { shownPort } from "../../net/ports/reserve.ts";
import type { PlannedAction } from "../core/explain.ts";
import type { Instance } from "../core/paths.ts";
import { type PartName, type Program, parts } from "../program/step.ts";
import { planStart } from "./plan.ts";
import { prepare } from "./prepare.ts";
import type { Prepared } from "./prepared.ts";
import { publicationOf } from "./publishing.ts";
import type { RunRequest } from "./request.ts";
import type { Connection, StartStep } from "./step.ts";
import { containerPaths } from "./store.ts";

const runner: Readonly<Record<PartName, NonNullable<PlannedAction["by"]>>> = {
  launch: "launcher",
  child: "child",
  command: "command",
  after: "monitor",
  alone: "monitor",
};

/** Every system call of a program, in order, with who makes it; `by` where that is another than usual. */
export function describeProgram(
  program: Program,
  by: Partial<Record<PartName, NonNullable<PlannedAction["by"]>>> = {},
): PlannedAction[] {
  return parts.flatMap((part) =>
    program.parts[part].map(({ text, reason }) => ({
      kind: "syscall" as const,
      text: text(),
      reason,
      by: by[part] ?? runner[part],
    })),
  );
}

const file = (text: string, reason: string): PlannedAction => ({ kind: "file", text, reason, by: "parent" });

/** In the place of a port that is chosen when the container starts: the first that the kernel chooses from. */
const exampleHostPort = 32_768;

/** The addresses of each connection, as far as leased or foreseen. */
type Leases = readonly (Pick<Lease, "address" | "address6"> | undefined)[];

function leaseOf(
  leases: Leases,
  { network, number }: Connection,
): Pick<Lease, "address" | "address6" | "announce"> {
  const lease = leases[number];
  if (lease === undefined) throw new Error(`no address on ${network.name} was foreseen`);
  return lease;
}

/** The endpoint as it would be now. */
function exampleEndpoint({ instance, id }: Prepared, connection: Connection, leases: Leases): Endpoint {
  const { network, attachment, number, routes } = connection;
  const { ifname, mac, linkLocal } = attachment;
  const { address, address6, announce } = leaseOf(leases, connection);
  const live = { network, mtu: expectedMtu(instance, network) };
  return planEndpoint({
    ...{ instance, live, container: id, address, address6, announce },
    ...{ ifname, number, mac, linkLocal, routes },
  });
}

/** What takes the ports of the host. */
function describePorts({ publishing }: Prepared): PlannedAction[] {
  return (publishing?.mappings ?? []).map(({ hostAddress, hostPort = 0, lastHostPort, protocol }) => {
    const which =
      lastHostPort === undefined
        ? "one that is taken is found before anything is made"
        : `the first that is free, up to ${lastHostPort}`;
    return {
      kind: "syscall",
      text: `bind(socket, ${shownPort(hostAddress, hostPort, protocol)})`,
      reason: `${hostPort === 0 ? "any free port" : which}; the monitor holds it as long as the container lives`,
      by: "parent",
    };
  });
}

/** The rules that lead to the container, with an example where the port is not known yet. */
function describeLater({ instance, id, publishing }: Prepared, leases: Leases): PlannedAction[] {
  if (publishing === undefined) return [];
  const { connection, mappings } = publishing;
  const ports = mappings.map(({ hostAddress, hostPort = exampleHostPort, containerPort, protocol }) => {
    return { hostAddress, hostPort, containerPort, protocol };
  });
  const endpoint = {
    ...leaseOf(leases, connection),
    network: connection.network.name,
    hostName: hostEndName(instance, id, connection.number),
  };
  return describePublication(connection.network, publicationOf(id, endpoint, ports));
}

/** What mdocker itself does for a step, as `--explain` shows it. */
export function describeStep(prepared: Prepared, step: StartStep, leases: Leases): PlannedAction[] {
  const paths = containerPaths(prepared.instance, prepared.id);
  const { cidFile } = prepared.request;
  switch (step.kind) {
    case "ports":
      return describePorts(prepared);
    case "publish":
      return describeLater(prepared, leases);
    case "reserve":
      return [
        file(
          `write ${paths.record}`,
          "the intent is on record before anything is done: gc can take back what is interrupted",
        ),
        file(`link ${prepared.instance.root}/names/NAME`, "a name belongs to one container"),
      ];
    case "files":
      return [
        file(`write ${paths.spec}`, "the OCI document of this container"),
        file(`write ${paths.etc}/{hostname,resolv.conf,hosts}`, "bound into the container below"),
        ...(cidFile === undefined ? [] : [file(`write ${cidFile}`, "--cidfile")]),
        ...prepared.directories.map((path) =>
          file(`make directory ${path}`, "a volume needs its place on the host"),
        ),
      ];
    case "layers":
      return [
        file(`make directories ${paths.directory}/{upper,work,merged}`, "the container's own writable layer"),
      ];
    case "cgroup":
      return [step.action];
    case "launch":
      return [
        {
          kind: "process",
          text: "posix_spawn(init, from a sealed memfd)",
          reason: "the launcher, later the monitor; what it does meanwhile is listed below",
          by: "parent",
        },
      ];
    case "lease": {
      const { network, attachment } = step.connection;
      const which =
        attachment.address === undefined ? "the next free address" : "the address that was asked for";
      const { address, address6 } = leaseOf(leases, step.connection);
      const given = [address, address6].filter((it) => it !== undefined && it !== "").join(" and ");
      return [
        file(
          `lease ${given || "an end"} from ${network.name}`,
          `${which}, under a lock: no two containers get the same`,
        ),
      ];
    }
    case "born":
      return [
        {
          kind: "process",
          text: "read the pid of the child from the launcher",
          reason: "its network namespace is where the cable goes",
          by: "parent",
        },
      ];
    case "network":
      return describeBringUp(prepared.instance, step.connection.network);
    case "names":
      return namesAddresses(step.connection.network).map((address) => ({
        kind: "syscall" as const,
        text: `bind([udp, tcp], ${address}:53)`,
        reason: "names are asked for there; where another mdocker answers already, it goes on",
        by: "parent" as const,
      }));
    case "connect":
      return describeEndpoint(exampleEndpoint(prepared, step.connection, leases));
    case "loopback":
      return describeLoopback();
    case "hosts":
      return [file(`write ${paths.etc}/hosts`, "its own name resolves to its own address")];
    case "record":
      return [
        file(
          `write ${prepared.request.keep ? paths.record : paths.runningRecord}`,
          "pids and addresses, for ps, kill, exec and gc",
        ),
      ];
    case "go":
      return [
        {
          kind: "process",
          text: "write 1 byte to the child",
          reason: "the network is there: on to the command",
          by: "parent",
        },
      ];
    default:
      return step satisfies never;
  }
}

/** The whole plan of a start, nothing done. Needs no privilege beyond reading the image store. */
export async function explainRun(instance: Instance, request: RunRequest): Promise<PlannedAction[]> {
  const prepared = await prepare(instance, request, { peek: true });
  const leases: Lease[] = [];
  for (const { network, attachment, number } of prepared.connections) {
    const { address, address6 } = attachment;
    leases[number] = await peekLease(instance, network, { container: prepared.id, address, address6 });
  }
  return [
    ...planStart(prepared).flatMap((step) => describeStep(prepared, step, leases)),
    ...describeProgram(prepared.program),
  ];
}
