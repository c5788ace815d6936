import { machine, release } from "node:os";
import type { Command } from "commander";
import { versionText } from "../core/version-text.ts";
import { print } from "./output.ts";

/** Adds `version`. */
export function registerVersion(program: Command): void {
  program
    .command("version")
    .summary("show the versions of mdocker and of what it stands on")
    .description(
      "Shows the versions of mdocker, of the OCI runtime specification it speaks, of Node and of the kernel.",
    )
    .helpOption("--help", "show help")
    .option("--json", "as JSON")
    .action(({ json }: { json?: boolean }) => {
      const versions = {
        mdocker: versionText(),
        oci: "1.2.0",
        node: process.versions.node,
        kernel: release(),
        machine: machine(),
      };
      const lines = Object.entries(versions).map(([name, value]) => `${name.padEnd(8)} ${value}\n`);
      print(json ? `${JSON.stringify(versions, null, 2)}\n` : lines.join(""));
    });
}
