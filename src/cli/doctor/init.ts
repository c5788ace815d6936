import { statSync } from "node:fs";
import { builtFile } from "../../core/home.ts";
import { formatBytes } from "../../core/units.ts";
import { type Check, type Finding, fail, ok } from "./check.ts";

/** The static program that launches containers and is their pid 1. */
export const init: Check = {
  name: "init",
  look: (): Finding => {
    const path = builtFile(`init-${process.arch}`);
    const about = statSync(path, { throwIfNoEntry: false });
    return about === undefined
      ? fail(`${path} is missing`, `make build (on ${process.arch}; x64 and arm64 are supported)`)
      : ok(`init-${process.arch}, ${formatBytes(about.size)}`);
  },
};
