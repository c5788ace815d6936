import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { type Audit, audit } from "../container/audit/audit.ts";
import { type AuditFacts, points, type Severity } from "../container/audit/finding.ts";
import { readAuditSpec } from "../container/audit/read-spec.ts";
import { findContainer } from "../container/refresh.ts";
import { containerPaths, readSpec } from "../container/store.ts";
import { hasErrno, messageOf, UsageError } from "../core/errors.ts";
import type { OciSpec } from "../core/oci.ts";
import type { Instance } from "../core/paths.ts";
import { hasAppArmor, hasSelinux } from "../security/options.ts";
import { type Palette, palette } from "./colour.ts";
import { wholeNumber } from "./number.ts";
import { print, say } from "./output.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";
import { renderTable } from "./table.ts";
import { isTerminal } from "./terminal.ts";

interface AuditOptions {
  readonly spec?: string;
  readonly json?: boolean;
  readonly failBelow?: string;
}

const colours: Readonly<Record<Severity, number>> = { critical: 31, high: 31, medium: 33, low: 36 };
const printable = (text: string): string => text.replaceAll(/\p{C}/gu, "?");

/** The findings as a table, worst first, and the score. */
export function renderAudit({ score, findings }: Audit, { colour, bold }: Palette): string {
  const rows = findings.map(({ severity, subject, could, tighten }) => [
    colour(colours[severity], severity),
    printable(subject),
    printable(could),
    printable(tighten),
  ]);
  const table = rows.length === 0 ? "" : `${renderTable(["", "WITH", "IT COULD", "TIGHTEN BY"], rows)}\n`;
  return `${table}${bold(`score ${score} of 100`)}\n`;
}

function ofContainer(instance: Instance, reference: string): { spec: OciSpec; facts: AuditFacts } {
  const record = findContainer(instance, reference);
  const ports = (record.ports ?? []).map(({ hostAddress, hostPort, protocol }) => {
    return { address: hostAddress, port: hostPort, protocol };
  });
  const facts: AuditFacts = {
    seccomp: record.seccomp,
    module: hasSelinux() ? "SELinux" : hasAppArmor() ? "AppArmor" : undefined,
    ports,
    volumes: `${instance.root}/volumes`,
    directory: containerPaths(instance, record.id).directory,
  };
  return { spec: readSpec(instance, record.id), facts };
}

function readText(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (cause) {
    const reason = hasErrno(cause, "ENOENT") ? "no such file" : messageOf(cause);
    throw new UsageError(`--spec: ${file}: ${reason}: expected an OCI runtime document (config.json), or -`, {
      cause,
    });
  }
}

/** Adds `audit`. */
export function registerAudit(program: Command): void {
  const command = program
    .command("audit")
    .summary("say what a container could do to the host")
    .description(
      "Looks at what a container was given - namespaces, capabilities, system calls, mounts, devices, limits, published " +
        "ports - and says what it could do to the host with that, worst first, with the flags that would tighten it. The " +
        `score begins at 100; a finding takes ${Object.entries(points)
          .map(([severity, n]) => `${n} (${severity})`)
          .join(", ")}.`,
    )
    .helpOption("--help", "show help")
    .argument("[container]", "name, id or beginning of an id")
    .option(
      "--spec <file>",
      "an OCI runtime document (config.json) instead of a container; - reads it from stdin",
    )
    .option("--json", "score and findings as JSON")
    .option("--fail-below <score>", "exit code 1 when the score is below")
    .action(async (reference: string | undefined, { spec: file, json, failBelow }: AuditOptions) => {
      if ((reference === undefined) === (file === undefined))
        throw new UsageError("audit: expected one of a container and --spec FILE");
      const least =
        failBelow === undefined ? 0 : wholeNumber({ value: failBelow, from: "--fail-below" }, 0, 100);
      let result: Audit;
      if (file !== undefined) result = audit(readAuditSpec(readText(file), file), { ports: [] });
      else {
        requireRoot("audit ...");
        const { spec, facts } = ofContainer(instanceOf(command), reference ?? "");
        result = audit(spec, facts);
      }
      print(
        json
          ? `${JSON.stringify(result, null, 2)}\n`
          : renderAudit(result, palette(await isTerminal(1), process.env)),
      );
      if (result.score < least) {
        say(`the score of ${result.score} is below ${least} (--fail-below)`);
        process.exitCode = 1;
      }
    });
}
