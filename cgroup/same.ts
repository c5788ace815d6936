import { join } from "../src/core/join.ts";
import { cgroupDirectory } from "./files.ts";
import type { CgroupHost } from "./host.ts";
import { homeController } from "./place.ts";

/** Where one more process of a container is to be put. */
export interface CgroupPlace {
  /** v1: the `tasks` files that it writes `0` (itself) into, the one that limits memory first. */
  readonly tasks: readonly string[];
  /** v2: the directory of the cgroup that it is born in. */
  readonly directory: string | undefined;
}

/**
 * The cgroups that a process of a container is in, `text` being its /proc/PID/cgroup and `path` the container's own path.
 * It may be further down: a container may make cgroups of its own. Hierarchies that the container has not joined are
 * left out.
 */
export function placeOf(host: CgroupHost, path: string, text: string): CgroupPlace {
  const tasks: { readonly file: string; readonly home: boolean }[] = [];
  let directory = cgroupDirectory(host, path);
  for (const line of text.split("\n")) {
    const [, controllers = "", place = ""] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    // What comes before is where our own view of the hierarchy begins.
    const at = `${place}/`.indexOf(`/${path}/`);
    if (at < 0) continue;
    const below = place.slice(at + 1);
    if (host.driver === "v2") {
      if (controllers === "") directory = join(host.root, below);
      continue;
    }
    const names = controllers.split(",");
    const mountPoint = names.map((name) => host.controllers.get(name)).find((found) => found !== undefined);
    if (mountPoint !== undefined)
      tasks.push({ file: join(mountPoint, below, "tasks"), home: names.includes(homeController(host)) });
  }
  tasks.sort((one, other) => Number(other.home) - Number(one.home));
  return { tasks: tasks.map(({ file }) => file), directory };
}
