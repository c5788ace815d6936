import type { ContainerRecord } from "../../container/record.ts";

/** No time at all, as docker's programs write it. */
const never = "0001-01-01T00:00:00Z";

/** The state in the words that docker has for states. */
export function stateWord({ state }: ContainerRecord): string {
  return state === "creating" || state === "starting" ? "created" : state;
}

function describeHealth({ health }: ContainerRecord): object {
  if (health === undefined) return {};
  const Log = health.log.map(({ start, end, exitCode, output }) => ({
    Start: start,
    End: end,
    ExitCode: exitCode,
    Output: output,
  }));
  return { Health: { Status: health.status, FailingStreak: health.failingStreak, Log } };
}

/** How often the memory of a container with --memory-reservation has come above that: docker has no such field. */
function describeSoftLimit({ resources, softLimit }: ContainerRecord): object {
  if (softLimit === undefined && !resources.memory?.reservation) return {};
  return { SoftLimitCrossings: softLimit?.crossings ?? 0 };
}

/** How often its limits have made it wait: docker has no such field. */
function describeStalls({ stalls }: ContainerRecord): object {
  if (stalls === undefined) return {};
  return {
    Stalls: { Cpu: stalls.cpu?.times ?? 0, Memory: stalls.memory?.times ?? 0, Io: stalls.io?.times ?? 0 },
  };
}

/** `State` of a container's document. */
export function describeState(record: ContainerRecord): object {
  const { exit, init, started } = record;
  const runs = record.state === "running" || record.state === "paused";
  return {
    Status: stateWord(record),
    // Docker's word for that it is not to be taken for one that has ended.
    Running: runs || record.state === "restarting",
    Paused: record.state === "paused",
    Restarting: record.state === "restarting",
    OOMKilled: exit?.oomKilled ?? false,
    Dead: record.state === "dead",
    Pid: runs ? (init?.pid ?? 0) : 0,
    ExitCode: exit?.code ?? 0,
    Error: exit?.error ?? "",
    StartedAt: started ?? never,
    FinishedAt: exit?.at ?? never,
    ...describeHealth(record),
    ...describeSoftLimit(record),
    ...describeStalls(record),
  };
}
