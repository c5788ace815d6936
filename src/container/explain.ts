import { expectedMtu } from "../../net/bring-up.ts";
import { describeEndpoint, describeLoopback, type Endpoint, planEndpoint } from "../../net/endpoint.ts";
import { describeNetwork } from "../../net/plan.ts";
import type { PlannedAction } from "../core/explain.ts";
import type { Instance } from "../core/paths.ts";
import { type PartName, type Program, parts } from "../program/step.ts";
import { planStart } from "./plan.ts";
import { prepare } from "./prepare.ts";
import type { Prepared } from "./prepared.ts";
import type { RunRequest } from "./request.ts";
import type { Connection, StartStep } from "./step.ts";
import { containerPaths } from "./store.ts";

const runner: Readonly<Record<PartName, NonNullable<PlannedAction["by"]>>> = {
  launch: "launcher",
  child: "child",
  command: "command",
  after: "launcher",
  alone: "launcher",
};

/** Every system call of a program, in order, with who makes it. */
function describeProgram(program: Program): PlannedAction[] {
  return parts.flatMap((part) =>
    program.parts[part].map(({ text, reason }) => ({
      kind: "syscall" as const,
      text: text(),
      reason,
      by: runner[part],
    })),
  );
}

const file = (text: string, reason: string): PlannedAction => ({ kind: "file", text, reason, by: "parent" });

/** The endpoint as it would be; without an address asked for, with the first that a container can have. */
function exampleEndpoint({ instance, id }: Prepared, { network, attachment, number }: Connection): Endpoint {
  const address = attachment.address ?? network.gateway.replace(/\d+$/, (last) => String(Number(last) + 1));
  const { ifname, mac } = attachment;
  const live = { network, mtu: expectedMtu(network) };
  return planEndpoint({ instance, live, container: id, address, ifname, number, mac });
}

/** What a step does, as `--explain` shows it. */
export function describeStep(prepared: Prepared, step: StartStep): PlannedAction[] {
  const paths = containerPaths(prepared.instance, prepared.id);
  switch (step.kind) {
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
          reason: "the launcher, later the monitor",
          by: "parent",
        },
        ...describeProgram(prepared.program),
      ];
    case "lease": {
      const { attachment, network } = step.connection;
      const which = attachment.address ?? `the next free address of ${network.subnet}`;
      return [file(`lease ${which} from ${network.name}`, "under a lock: no two containers get the same")];
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
      return describeNetwork(step.connection.network, expectedMtu(step.connection.network));
    case "connect":
      return describeEndpoint(exampleEndpoint(prepared, step.connection));
    case "loopback":
      return describeLoopback();
    case "hosts":
      return [file(`write ${paths.etc}/hosts`, "its own name resolves to its own address")];
    case "record":
      return [file(`write ${paths.runningRecord}`, "pids and addresses, for ps, kill, exec and gc")];
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
  const prepared = await prepare(instance, request, false);
  return planStart(prepared).flatMap((step) => describeStep(prepared, step));
}
