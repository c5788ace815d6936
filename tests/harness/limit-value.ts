import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { detectCgroups } from "../../cgroup/host.ts";
import { directoryFor } from "../../cgroup/place.ts";
import type { TestHost } from "./host.ts";
import { inspect } from "./idle.ts";

/** What the kernel has in a file of a running container's cgroup: the file of the driver that this host has. */
export async function limitValue(
  host: TestHost,
  name: string,
  controller: string,
  files: { readonly v1: string; readonly v2: string },
): Promise<string> {
  const cgroups = detectCgroups();
  const directory = directoryFor(cgroups, controller, (await inspect(host, name)).cgroup);
  if (directory === undefined) throw new Error(`no hierarchy of ${controller} is mounted`);
  return (await readFile(join(directory, files[cgroups.driver]), "utf8")).trim();
}
