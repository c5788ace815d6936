import type { Command } from "commander";
import type { ExecRequest } from "../container/exec-request.ts";
import { detachExec, runExec } from "../container/exec-run.ts";
import { findContainer } from "../container/refresh.ts";
import { UsageError } from "../core/errors.ts";
import type { Flags } from "./flags.ts";
import type { HostView } from "./host-view.ts";
import { type Declaration, declareOptions, type OptionTable, readFlags } from "./option-row.ts";
import { readCommand } from "./options/command.ts";
import { environmentOptions, readEnvironment } from "./options/environment.ts";
import { readStreams, streamOptions } from "./options/streams.ts";
import { print } from "./output.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";
import { isTerminal } from "./terminal.ts";
import { hostView } from "./this-host.ts";

const execOptions: readonly OptionTable[] = [
  streamOptions,
  {
    heading: "Command:",
    rows: [
      { flags: "-d, --detach", about: "leave it running, without stdin and output" },
      { flags: "-u, --user <user[:group]>", about: "run as this user, by name or number" },
      { flags: "-w, --workdir <dir>", about: "directory in the container to start in" },
      { flags: "--privileged", about: "give it every capability that there is to give" },
      { flags: "--detach-keys <keys>", about: "leave it running by these, such as ctrl-p,ctrl-q" },
    ],
  },
  environmentOptions,
  {
    heading: "Seeing what happens:",
    rows: [
      { flags: "--explain", about: "print the whole plan with reasons, and do nothing" },
      { flags: "--json", about: "that as JSON" },
    ],
  },
];

/** What the command line asks for. */
interface Asked {
  readonly request: ExecRequest;
  readonly interactive: boolean;
  readonly detached: boolean;
}

function readRequest(flags: Flags, args: readonly string[], view: HostView): Asked {
  if (args.length === 0)
    throw new UsageError("exec: expected a command after the container: mdocker exec NAME COMMAND");
  for (const word of args)
    if (word.includes("\0")) throw new UsageError("command: an argument cannot hold a zero byte");
  const detached = flags.flag("detach") ?? false;
  // Nobody looks at what is detached: it has a terminal only when that was asked for.
  const { interactive, terminal } = detached
    ? { interactive: false, terminal: flags.flag("tty") ?? false }
    : readStreams(flags, view);
  const { cwd, user } = readCommand(flags);
  return {
    request: {
      args,
      env: readEnvironment(flags, view),
      cwd,
      user,
      terminal,
      privileged: flags.flag("privileged") ?? false,
    },
    interactive,
    detached,
  };
}

async function exec(
  flags: Flags,
  [reference = "", ...args]: readonly string[],
  command: Command,
): Promise<void> {
  const asked = readRequest(flags, args, await hostView());
  requireRoot("exec ...");
  const instance = instanceOf(command);
  const container = findContainer(instance, reference);
  if (flags.flag("explain") ?? false) {
    const { explainExec } = await import("../container/exec-explain.ts");
    const { renderJson, renderPlan } = await import("./explain.ts");
    const actions = explainExec(
      instance,
      container,
      asked.request,
      asked.detached ? "detached" : "foreground",
    );
    print(flags.flag("json") ? renderJson(actions) : renderPlan(actions, await isTerminal(1)));
    return;
  }
  if (asked.detached) return detachExec(instance, container, asked.request);
  let { request } = asked;
  if (request.terminal) {
    const { windowSize } = await import("../sys/tty.ts");
    request = { ...request, size: windowSize(1) };
  }
  const keys = flags.one("detach-keys")?.value;
  if (keys !== undefined) {
    const { parseDetachKeys } = await import("../core/detach-keys.ts");
    parseDetachKeys(keys);
  }
  if (keys !== undefined && request.terminal) {
    const { runLeavableExec } = await import("./leavable-exec.ts");
    process.exitCode = await runLeavableExec(instance, container, request, {
      interactive: asked.interactive,
      detachKeys: keys,
    });
    return;
  }
  process.exitCode = await runExec(instance, container, request, asked);
}

/** Adds `exec`; for a parse, `declaration` says which words it must understand. */
export function registerExec(program: Command, declaration?: Declaration): void {
  const command = program
    .command("exec")
    .helpOption("--help", "show help")
    .passThroughOptions()
    .argument("<container>", "name, id or beginning of an id")
    .argument("[command...]", "command and arguments")
    .summary("run one more command in a running container")
    .description(
      "Runs a command in a running container: in its namespaces and cgroup, with the privileges, limits and environment of " +
        "its own command. Exits with the command's own code; 127 when it is missing, 126 when it cannot be executed, 1 on " +
        "wrong usage, 2 when the set-up fails. A command without -d ends with mdocker exec.",
    )
    .usage("[flags] CONTAINER COMMAND [ARG...]")
    .action(async (container: string, words: string[]) => {
      await exec(readFlags(command), [container, ...words], command);
    });
  declareOptions(command, execOptions, declaration);
}
