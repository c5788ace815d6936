import type { Command } from "commander";
import type { TellLimitEvent } from "../container/own-limits.ts";
import type { RunRequest } from "../container/request.ts";
import { runContainer } from "../container/run.ts";
import { hasErrno, messageOf, SetupError, UsageError } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import type { Flags } from "./flags.ts";
import { type Declaration, declareOptions, readFlags } from "./option-row.ts";
import { readAttaching } from "./options/attaching.ts";
import { readShowing } from "./options/showing.ts";
import { print, printError, say } from "./output.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";
import { runOptions } from "./run-options.ts";
import { buildRequest, configured, type Words, wordsAfter } from "./run-request.ts";
import { isTerminal } from "./terminal.ts";
import { hostView } from "./this-host.ts";

const examples = `
Examples:
  mdocker run                                        a shell in the default image
  mdocker run /bin/ping -c 1 10.200.1.1              a command in the default image
  mdocker run --net none -m 64m --cpus 0.5 /bin/sh   no network, limited
  mdocker run --rootfs ./alpine /bin/ls -la          any unpacked root filesystem
  mdocker run --explain --net bridge /bin/true       every step of a start, with its reason
`;

/** Shows the plan of a start. Needs no root, unless what it would start from belongs to root. */
async function explain(instance: Instance, request: RunRequest, json: boolean): Promise<void> {
  const { renderJson, renderPlan } = await import("./explain.ts");
  const { explainRun } = await import("../container/explain.ts");
  try {
    const actions = await explainRun(instance, request);
    print(json ? renderJson(actions) : renderPlan(actions, await isTerminal(1)));
  } catch (cause) {
    if (process.geteuid?.() === 0 || !hasErrno(cause, "EACCES")) throw cause;
    throw new SetupError(
      `run --explain: ${messageOf(cause)}: try sudo, or --root with a directory of your own`,
      { cause },
    );
  }
}

/** None is started for it. */
const tell: TellLimitEvent = async (instance, { id, name, image, labels }, event) => {
  const { findSupervisor } = await import("./client.ts");
  const supervisor = await findSupervisor(instance);
  await supervisor?.request("POST", "/mdocker/limit-events", {
    body: { ...event, container: { id, name, image, labels } },
  });
};

/** Performs a start, and writes what is done to stderr. */
async function trace(instance: Instance, request: RunRequest, json: boolean): Promise<void> {
  const { Tracer } = await import("./explain.ts");
  const tracer = new Tracer({ json, isTerminal: await isTerminal(2), write: printError });
  try {
    process.exitCode = await runContainer(instance, request, { say, tell, observer: tracer.observe });
  } finally {
    tracer.finish();
  }
}

async function run(flags: Flags, given: Words, command: Command): Promise<void> {
  const view = await hostView();
  const [said, words] = await configured(flags, given, view);
  const { what, json } = readShowing(said);
  const request = await buildRequest(said, words, view);
  const instance = instanceOf(command);
  if (what === "plan") return explain(instance, request, json);
  requireRoot("run ...");
  if (what === "trace" && request.detached === true)
    throw new UsageError("--trace-setup: leave out -d: the supervisor starts it");
  if (what === "trace") return trace(instance, request, json);
  if (request.detached === true) {
    await readAttaching(said);
    const { runDetached } = await import("./detached.ts");
    return runDetached(instance, request);
  }
  const attaching = await readAttaching(said);
  if (attaching !== undefined) {
    const { runAttached } = await import("./run-attached.ts");
    process.exitCode = await runAttached(instance, request, attaching);
    return;
  }
  process.exitCode = await runContainer(instance, request, { say, tell, alone: true });
}

/** Adds `run`; for a parse, `declaration` says which words it must understand. */
export function registerRun(program: Command, declaration?: Declaration): void {
  const command = program
    .command("run")
    // Without all options help would be incomplete: as an unknown option it leads to a parse that has them.
    .helpOption(declaration?.all === false ? false : "--help", "show help")
    .passThroughOptions()
    .argument("[words...]")
    .action(async (words: string[]) => {
      await run(readFlags(command), wordsAfter(words, declaration?.words ?? []), command);
    });
  declareOptions(command, runOptions, declaration);
  if (declaration?.all === false) return;
  command
    .summary("run a command in a new container")
    .description(
      "Runs a command in a new container, in the foreground unless -d is given. A first word that begins with / is a command in the default " +
        "image `lab`; another first word names an image. Nothing is left behind unless --keep is given. With -d it is left " +
        "to the supervisor, and stays until mdocker rm. Exits with the " +
        "command's own code; 127 when it is missing, 126 when it cannot be executed, 1 on wrong usage, 2 when the set-up fails.",
    )
    .usage("[flags] [IMAGE|--rootfs DIR] [--] COMMAND [ARG...]")
    .addHelpText("after", examples);
}
