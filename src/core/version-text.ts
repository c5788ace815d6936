import { readFileSync } from "node:fs";
import { readTextIfAny } from "./atomic.ts";
import { builtFile, home } from "./home.ts";

/** mdocker's version: from the build, else from package.json. */
export function versionText(): string {
  const built = readTextIfAny(builtFile("version"))?.trim();
  if (built !== undefined && built !== "") return built;
  const manifest = JSON.parse(readFileSync(`${home}/package.json`, "utf8")) as { readonly version?: unknown };
  return String(manifest.version);
}
