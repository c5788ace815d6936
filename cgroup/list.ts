import { readdirSync } from "node:fs";
import { hasErrno } from "../src/core/errors.ts";
import { join } from "../src/core/join.ts";
import type { CgroupHost } from "./host.ts";
import { hierarchies } from "./place.ts";

/** The cgroups right below `parent` in any hierarchy, as paths for `removeCgroup`; each once. */
export function listCgroups(host: CgroupHost, parent: string): string[] {
  const found = new Set<string>();
  for (const hierarchy of hierarchies(host)) {
    try {
      for (const entry of readdirSync(join(hierarchy, parent), { withFileTypes: true })) {
        if (entry.isDirectory()) found.add(`${parent}/${entry.name}`);
      }
    } catch (error) {
      if (!hasErrno(error, "ENOENT")) throw error;
    }
  }
  return [...found];
}
