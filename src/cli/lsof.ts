import type { Command } from "commander";
import { type JudgedProcess, listOpenFiles } from "../container/leaks.ts";
import { findContainer } from "../container/refresh.ts";
import { palette } from "./colour.ts";
import { print } from "./output.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";
import { type RowStyle, renderRows } from "./rows.ts";
import { isTerminal } from "./terminal.ts";

/** An open file as `lsof` shows it; the fields of --format. */
interface FileRow {
  readonly Command: string;
  /** Here, and in the container. */
  readonly PID: string;
  readonly InnerPID: string;
  readonly User: string;
  readonly FD: string;
  readonly Type: string;
  readonly Name: string;
  readonly LeadsOut: string;
}

const style: RowStyle = {
  columns: ["Command", "PID", "InnerPID", "User", "FD", "Type", "Name", "LeadsOut"],
  headings: {
    Command: "COMMAND",
    PID: "PID",
    InnerPID: "INSIDE",
    User: "USER",
    FD: "FD",
    Type: "TYPE",
    Name: "NAME",
    LeadsOut: "LEADS OUT",
  } satisfies FileRow,
};

const printable = (text: string): string => text.replaceAll(/\p{C}/gu, "?");

/** The rows of some processes, in their order. */
export function describeFiles(processes: readonly JudgedProcess[]): FileRow[] {
  return processes.flatMap(({ pid, innerPid, command, uid, files }) =>
    files.map((file) => ({
      Command: printable(command),
      PID: String(pid),
      InnerPID: String(innerPid),
      User: uid === 0 ? "root" : String(uid),
      FD: `${file.fd}${file.mode}`,
      Type: file.type,
      Name: printable(file.name),
      LeadsOut:
        file.leadsOut === undefined
          ? ""
          : `${printable(file.leadsOut)}${file.standard ? " (standard stream)" : ""}`,
    })),
  );
}

/** `12 open files, 3 lead out of the container: 3 standard streams` */
export function summarize(processes: readonly JudgedProcess[]): string {
  const files = processes.flatMap((process) => process.files);
  const out = files.filter(({ leadsOut }) => leadsOut !== undefined);
  const standard = out.filter((file) => file.standard).length;
  const other = out.length - standard;
  const what = [
    ...(standard > 0 ? [`${standard} as standard streams`] : []),
    ...(other > 0 ? [`${other} otherwise`] : []),
  ];
  const count = `${files.length} open files of ${processes.length} processes`;
  return out.length === 0
    ? `${count}, none leads out of the container`
    : `${count}, ${out.length} lead out of the container: ${what.join(", ")}`;
}

/** Adds `lsof`. */
export function registerLsof(program: Command): void {
  const command = program
    .command("lsof")
    .summary("show what the processes of a container hold open")
    .description(
      "Shows every open file of a container's processes, with their working and root directories, and marks what leads " +
        "out of the container: a file on a mount that is not its own, a pipe or socket that others hold too, a namespace " +
        "or process of the host.",
    )
    .helpOption("--help", "show help")
    .argument("<container>", "name, id or beginning of an id")
    .option("--format <template>", "table, json, or a template such as '{{.PID}} {{.FD}} {{.LeadsOut}}'")
    .action(async (reference: string, { format }: { readonly format?: string }) => {
      requireRoot("lsof ...");
      const processes = listOpenFiles(findContainer(instanceOf(command), reference));
      const text = renderRows(describeFiles(processes), format, style);
      if (format !== undefined) {
        print(text);
        return;
      }
      const colours = palette(await isTerminal(1), process.env);
      print(`${text}${colours.bold(summarize(processes))}\n`);
    });
}
