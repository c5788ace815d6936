import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { capabilityNames, defaultCapabilities, parseCapability } from "../../security/capabilities.ts";
import { checkProfile, type ProfileCheck } from "../../security/seccomp/check.ts";
import { parseSeccompProfile } from "../../security/seccomp/profile.ts";
import { readProfile } from "../../security/seccomp/source.ts";
import { type Palette, palette } from "../colour.ts";
import { print } from "../output.ts";
import { isTerminal } from "../terminal.ts";

interface CheckOptions {
  readonly capAdd?: readonly string[];
  readonly json?: boolean;
}

const width = 100;

/** Names in lines under a heading that tells how many there are. */
function paragraph(heading: string, names: readonly string[], { bold }: Palette): string {
  if (names.length === 0) return `${bold(heading)}: none\n`;
  const lines: string[] = [];
  for (const name of names) {
    const last = lines.at(-1);
    if (last === undefined || last.length + name.length + 2 > width) lines.push(name);
    else lines[lines.length - 1] = `${last}, ${name}`;
  }
  return `${bold(heading)} (${names.length}):\n${lines.map((line) => `  ${line}\n`).join("")}`;
}

function render(check: ProfileCheck, colours: Palette): string {
  const { bold } = colours;
  const { defaultAction, architectures, allowed, conditional } = check;
  return [
    `${bold("default action")}: ${defaultAction}\n`,
    `${bold("architectures")}: ${architectures.join(", ") || "that of the host"}\n`,
    `${bold("allows")}: ${allowed} system calls, and ${conditional} more with certain arguments\n`,
    paragraph("allows beyond mdocker's default", check.beyondDefault, colours),
    paragraph("refuses what mdocker's default allows", check.belowDefault, colours),
    paragraph("unknown to libseccomp, left out", check.unknown, colours),
    check.deadRules.length === 0
      ? ""
      : `${bold("rules without effect")} (${check.deadRules.length}):\n${check.deadRules.map((rule) => `  ${rule}\n`).join("")}`,
  ].join("");
}

const append = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** Adds `seccomp check`. */
export function registerCheck(group: Command): void {
  group
    .command("check")
    .summary("explain a profile")
    .description(
      "Explains a seccomp profile in docker's format: its default action, what it allows that mdocker's own default does " +
        "not and the other way round, names that are unknown, and rules that change nothing. A profile may say other " +
        "things for other capabilities: it is looked at for the usual ones and those of --cap-add.",
    )
    .helpOption("--help", "show help")
    .argument("<profile>", "a file, or default or strict")
    .option("--cap-add <capability>", "look at it for a container that has this too", append)
    .option("--json", "as JSON")
    .action(async (file: string, { capAdd = [], json }: CheckOptions) => {
      const asked = capAdd.map((name) => parseCapability(name, "--cap-add"));
      const caps = asked.includes("ALL") ? capabilityNames : [...defaultCapabilities, ...asked];
      const target = {
        caps,
        arch: process.arch,
        kernel: readFileSync("/proc/sys/kernel/osrelease", "utf8").trim(),
      };
      const usual = parseSeccompProfile(readProfile({ kind: "default" }), "default");
      const checked = checkProfile(await profileOf(file), usual, target, file);
      print(
        json
          ? `${JSON.stringify(checked, null, 2)}\n`
          : render(checked, palette(await isTerminal(1), process.env)),
      );
    });
}

async function profileOf(file: string): Promise<ReturnType<typeof parseSeccompProfile>> {
  if (file === "default") return parseSeccompProfile(readProfile({ kind: "default" }), file);
  if (file !== "strict") return parseSeccompProfile(readProfile({ kind: "file", path: file }), file);
  const { strictProfile } = await import("../../security/seccomp/strict.ts");
  return strictProfile(parseSeccompProfile(readProfile({ kind: "default" }), "default"));
}
