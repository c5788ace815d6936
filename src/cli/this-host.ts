import { readFileSync, statSync } from "node:fs";
import type { HostView } from "./host-view.ts";
import { isTerminal } from "./terminal.ts";

/** This host, as the flags may look at it. */
export async function hostView(): Promise<HostView> {
  const stdin = await isTerminal(0);
  return {
    env: process.env,
    cwd: process.cwd(),
    stdin,
    stdout: stdin && (await isTerminal(1)),
    readText: (path) => readFileSync(path, "utf8"),
    blockDevice: (path) => {
      const about = statSync(path, { throwIfNoEntry: false });
      if (about === undefined || !about.isBlockDevice()) return undefined;
      // makedev(3) of glibc and musl, for device numbers below 2^32.
      return {
        major: (about.rdev >>> 8) & 0xfff,
        minor: (about.rdev & 0xff) | ((about.rdev >>> 12) & 0xfff00),
      };
    },
  };
}
