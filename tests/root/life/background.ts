import { expect } from "vitest";
import type { ContainerRecord } from "../../../src/container/record.ts";
import type { Running } from "../../harness/command.ts";
import type { TestHost } from "../../harness/host.ts";

/** Ends by itself when asked by SIGTERM (5) or SIGUSR1 (6). */
export const polite =
  'trap "echo bye; exit 5" TERM; trap "echo usr; exit 6" USR1; echo ready; while :; do sleep 0.05; done';
/** Ends by SIGKILL only. */
export const deaf = 'trap "" TERM; echo ready; while :; do sleep 0.05; done';

/** A container in the foreground of a process of its own, whose script has said `ready`. */
export async function background(
  host: TestHost,
  name: string,
  script: string,
  flags: readonly string[] = ["--keep"],
): Promise<Running> {
  const running = host.start(["run", "--net", "none", "--name", name, ...flags, "/bin/sh", "-c", script]);
  await running.says(/ready/);
  return running;
}

/** The record of a container as `inspect` shows it. */
export async function recordOf(host: TestHost, name: string): Promise<ContainerRecord> {
  const { stdout, stderr, code } = await host.mdocker(["inspect", name]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const [record] = JSON.parse(stdout) as [ContainerRecord];
  return record;
}

/** How a kept container ended, after which it is removed. */
export async function endOf(
  host: TestHost,
  name: string,
  running: Running,
): Promise<NonNullable<ContainerRecord["exit"]> & { readonly said: number }> {
  const { code } = await running.ended;
  const record = await recordOf(host, name);
  expect(record.state).toBe("exited");
  expect((await host.mdocker(["rm", name])).code).toBe(0);
  if (record.exit === undefined) throw new Error(`${name} has no exit record`);
  return { ...record.exit, said: code };
}
