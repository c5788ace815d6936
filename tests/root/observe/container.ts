import { readdirSync } from "node:fs";
import { expect } from "vitest";
import type { Running } from "../../harness/command.ts";
import type { TestHost } from "../../harness/host.ts";

/** A container that has said `ready`. */
export async function startReady(
  host: TestHost,
  name: string,
  options: readonly string[],
  script = "exec sleep 1000",
): Promise<Running> {
  const run = host.start(["run", "--name", name, ...options, "/bin/bash", "-c", `echo ready; ${script}`]);
  await run.says(/ready/);
  return run;
}

/** Ends containers of {@link startReady}. */
export async function endAll(host: TestHost, runs: Readonly<Record<string, Running>>): Promise<void> {
  expect(await host.mdocker(["rm", "-f", ...Object.keys(runs)])).toMatchObject({ code: 0 });
  await Promise.all(Object.values(runs).map(({ ended }) => ended));
}

/** One field of a container's record. */
export async function inspected(host: TestHost, name: string, template: string): Promise<string> {
  const { code, stdout, stderr } = await host.mdocker(["inspect", "--format", template, name]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout.trim();
}

/** The directories of a container's cgroup, one for each hierarchy it is in. */
export function cgroupDirectories(path: string): string[] {
  const has = (folder: string, name: string): boolean => readdirSync(folder).includes(name);
  const [parent = "", id = ""] = path.split("/");
  const root = "/sys/fs/cgroup";
  if (has(root, "cgroup.procs")) return [`${root}/${path}`];
  return readdirSync(root)
    .filter((hierarchy) => has(`${root}/${hierarchy}`, parent) && has(`${root}/${hierarchy}/${parent}`, id))
    .map((hierarchy) => `${root}/${hierarchy}/${path}`);
}

/**
 * Puts a process of the host into a container, as a careless `exec` would do it: into its cgroup and namespaces, with
 * what `preparation` (bash) has opened. It says `entered`.
 */
export async function intrude(host: TestHost, name: string, preparation: string): Promise<Running> {
  const init = await inspected(host, name, "{{.init.pid}}");
  const joins = cgroupDirectories(await inspected(host, name, "{{.cgroup}}"));
  const script = `${preparation}
for d in ${joins.join(" ")}; do echo $$ > $d/cgroup.procs; done
exec nsenter --target ${init} --mount --pid --net --uts --ipc --cgroup -- /bin/bash -c 'echo entered; exec sleep 1000'`;
  const { startCommand } = await import("../../harness/command.ts");
  const intruder = startCommand([...host.place.enter, "bash", "-c", script], { env: host.env });
  await intruder.says(/entered/);
  return intruder;
}
