import type { Command, Option } from "commander";

/** Text of a line in roff: backslashes and hyphens as they are, and nothing that looks like a request. */
function roff(text: string): string {
  const escaped = text.replaceAll("\\", "\\e").replaceAll("-", "\\-");
  return escaped.replaceAll(/^([.'])/gm, "\\&$1");
}

const bold = (text: string): string => `\\fB${roff(text)}\\fR`;

/** `-m, --memory <bytes>`: flags bold, the value in italics. */
function flagsOf(flags: string): string {
  return flags
    .split(" ")
    .map((word) => {
      const comma = word.endsWith(",") ? "," : "";
      const bare = comma === "" ? word : word.slice(0, -1);
      return bare.startsWith("-")
        ? `${bold(bare)}${comma}`
        : `\\fI${roff(bare.replaceAll(/[<>]/g, ""))}\\fR${comma}`;
    })
    .join(" ");
}

function optionLines(options: readonly Option[]): string[] {
  return options.flatMap((option) => {
    const choices = option.argChoices === undefined ? "" : ` (${option.argChoices.join(", ")})`;
    return [".TP", flagsOf(option.flags), roff(`${option.description}${choices}.`)];
  });
}

/** Options by heading, in the order in which the headings appear first. */
function byHeading(options: readonly Option[]): Map<string, Option[]> {
  const groups = new Map<string, Option[]>();
  for (const option of options) {
    const heading = option.helpGroupHeading ?? "Options:";
    groups.set(heading, [...(groups.get(heading) ?? []), option]);
  }
  return groups;
}

function commandLines(command: Command, path: string): string[] {
  const help = command.createHelp();
  const below = help.visibleCommands(command).filter((one) => one.name() !== "help");
  const groups = byHeading(help.visibleOptions(command).filter((option) => option.long !== "--help"));
  return [
    `.SS ${roff(path)}`,
    `${bold(`mdocker ${path}`)} ${roff(command.usage())}`,
    ".PP",
    roff(command.description()),
    ...[...groups].flatMap(([heading, options]) => [
      ...(groups.size > 1 ? [".PP", `\\fI${roff(heading.replace(/:$/, ""))}\\fR`] : []),
      ...optionLines(options),
    ]),
    ...below.flatMap((one) => commandLines(one, `${path} ${one.name()}`)),
  ];
}

const exitCodes = [
  ["N", "the command's own exit code; 128+N when signal N ended it"],
  ["1", "the command line or a configuration file is wrong"],
  ["2", "the container could not be set up on this host"],
  ["126", "the command cannot be executed"],
  ["127", "the command does not exist in the container"],
] as const;

const environment = [
  ["MDOCKER_ROOT", "images and containers, as --root"],
  ["MDOCKER_STATE", "state of this boot, as --state"],
  ["MDOCKER_PREFIX", "beginning of names in the kernel, as --prefix"],
  ["MDOCKER_IPTABLES", "nft or legacy: which iptables to use"],
  ["MDOCKER_DEBUG", "1 shows the stack of an error"],
  ["NO_COLOR", "no colours"],
] as const;

function definitions(entries: readonly (readonly [string, string])[]): string[] {
  return entries.flatMap(([name, about]) => [".TP", bold(name), roff(`${about}.`)]);
}

/** The man page of the whole command tree, for man(7) macros. */
export function renderMan(program: Command, version: string): string {
  const help = program.createHelp();
  const commands = help.visibleCommands(program).filter((one) => one.name() !== "help");
  const lines = [
    '.\\" made by: mdocker man',
    `.TH MDOCKER 1 "" "mdocker ${roff(version)}" "mdocker manual"`,
    ".SH NAME",
    "mdocker \\- a container runtime that explains its own network",
    ".SH SYNOPSIS",
    `${bold("mdocker")} ${roff(program.usage())}`,
    ".SH DESCRIPTION",
    roff(
      "mdocker runs commands in containers: in namespaces of their own, on an OverlayFS, under a cgroup, on a bridge with " +
        "NAT. mdocker run --explain shows every step of a start with its reason.",
    ),
    ".SH OPTIONS",
    ...optionLines(help.visibleOptions(program)),
    ".SH COMMANDS",
    ...commands.flatMap((command) => commandLines(command, command.name())),
    ".SH EXIT STATUS",
    ...definitions(exitCodes),
    ".SH ENVIRONMENT",
    ...definitions(environment),
    ".SH SEE ALSO",
    `${bold("ip")}(8), ${bold("iptables")}(8), ${bold("namespaces")}(7), ${bold("cgroups")}(7), ${bold("capabilities")}(7)`,
  ];
  return `${lines.join("\n")}\n`;
}
