import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import type { Ground } from "./check.ts";

/** Where a part of the kernel is, as far as can be seen without loading it. */
export type Presence = "built in" | "loaded" | "module" | "absent" | "unknown";

let config: string | undefined;

function kernelConfig(ground: Ground, release: string): string {
  if (config !== undefined) return config;
  try {
    config = gunzipSync(readFileSync("/proc/config.gz")).toString();
  } catch {
    config = ground.readText(`/boot/config-${release}`) ?? "";
  }
  return config;
}

/** Whether the kernel has `module` (as modprobe names it), which is configured by `option` (`CONFIG_VETH`). */
export function findKernelPart(ground: Ground, module: string, option: string): Presence {
  if (ground.exists(`/sys/module/${module}/initstate`)) return "loaded";
  const release = ground.readText("/proc/sys/kernel/osrelease")?.trim() ?? "";
  const file = new RegExp(`/${module.replaceAll("_", "[-_]")}\\.ko\\b`);
  const text = kernelConfig(ground, release);
  if (new RegExp(`^${option}=y$`, "m").test(text)) return "built in";
  if (file.test(ground.readText(`/lib/modules/${release}/modules.builtin`) ?? "")) return "built in";
  if (file.test(ground.readText(`/lib/modules/${release}/modules.dep`) ?? "")) return "module";
  // Configured as a module, or known not to be: without the module's file both are the same.
  return text === "" && !ground.exists(`/lib/modules/${release}`) ? "unknown" : "absent";
}
