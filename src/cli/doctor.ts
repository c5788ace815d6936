import { existsSync, readFileSync } from "node:fs";
import type { Command } from "commander";
import { messageOf, UsageError } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { type Palette, palette } from "./colour.ts";
import { bridgeFilter } from "./doctor/bridge-filter.ts";
import { cgroups } from "./doctor/cgroups.ts";
import { type Check, type Finding, fail, type Ground, type Level } from "./doctor/check.ts";
import { disk } from "./doctor/disk.ts";
import { firewall } from "./doctor/firewall.ts";
import { forwarding } from "./doctor/forwarding.ts";
import { image } from "./doctor/image.ts";
import { init } from "./doctor/init.ts";
import { kernel } from "./doctor/kernel.ts";
import { labels } from "./doctor/labels.ts";
import { libmnl, libseccomp } from "./doctor/libraries.ts";
import { limits } from "./doctor/limits.ts";
import { links } from "./doctor/links.ts";
import { names } from "./doctor/names.ts";
import { namespaces } from "./doctor/namespaces.ts";
import { optionalParts } from "./doctor/optional-parts.ts";
import { overlay } from "./doctor/overlay.ts";
import { privileges } from "./doctor/privileges.ts";
import { users } from "./doctor/users.ts";
import { print } from "./output.ts";
import { instanceOf } from "./program.ts";
import { isTerminal } from "./terminal.ts";

/** Every check, in the order of a start. */
export const checks: readonly Check[] = [
  ...[privileges, kernel, namespaces, overlay, users, labels, cgroups, limits],
  ...[libmnl, libseccomp, firewall, links],
  ...[bridgeFilter, forwarding, names, ...optionalParts, init, image, disk],
];

/** This host, as the checks look at it. */
export function groundOf(instance: Instance): Ground {
  return {
    instance,
    env: process.env,
    uid: process.geteuid?.() ?? -1,
    readText: (path) => {
      try {
        return readFileSync(path, "utf8");
      } catch {
        return undefined;
      }
    },
    exists: existsSync,
  };
}

/** A finding with the name of its check. */
export interface NamedFinding extends Finding {
  readonly name: string;
}

/** Runs the checks one after the other; one that cannot even look has failed. */
export async function examine(ground: Ground, all: readonly Check[] = checks): Promise<NamedFinding[]> {
  const findings: NamedFinding[] = [];
  for (const { name, look } of all) {
    try {
      findings.push({ name, ...(await look(ground)) });
    } catch (error) {
      findings.push({ name, ...fail(messageOf(error), "see above; as root the check may tell more") });
    }
  }
  return findings;
}

const colours: Readonly<Record<Level, number>> = { ok: 32, info: 36, warn: 33, FAIL: 31 };

/** A line for each finding, and below it how to mend what is not ok. */
export function renderFindings(findings: readonly NamedFinding[], { colour, dim }: Palette): string {
  return findings
    .map(({ level, name, found, mend }) => {
      const line = `${colour(colours[level], level.padEnd(4))} ${name}: ${found.replaceAll(/\s*\n\s*/g, "; ")}\n`;
      return mend === undefined ? line : `${line}     ${dim(`mend: ${mend}`)}\n`;
    })
    .join("");
}

/** Adds `doctor`. */
export function registerDoctor(program: Command): void {
  const command = program
    .command("doctor")
    .summary("check this host, and say how to mend what is missing")
    .description(
      "Checks kernel, cgroups, libraries, programs, image and room. A line for each: ok, info (only some commands need " +
        "it), warn or FAIL, and how to mend it. Exits with 1 when something failed. Changes nothing.",
    )
    .helpOption("--help", "show help")
    .option("--json", "as JSON")
    .option("--rootless", "what an ordinary user's mdocker needs instead")
    .action(async ({ json, rootless }: { readonly json?: boolean; readonly rootless?: boolean }) => {
      const ground = groundOf(instanceOf(command));
      if (rootless && ground.uid === 0)
        throw new UsageError("doctor --rootless: run it without sudo, as the user who is to run containers");
      const wanted = rootless ? (await import("./doctor/rootless.ts")).rootlessChecks : checks;
      const findings = await examine(ground, wanted);
      if (json) print(`${JSON.stringify(findings, null, 2)}\n`);
      else print(renderFindings(findings, palette(await isTerminal(1), process.env)));
      if (findings.some(({ level }) => level === "FAIL")) process.exitCode = 1;
    });
}
