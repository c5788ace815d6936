import type { Command } from "commander";
import { readRequest } from "../container/create.ts";
import { listExecs } from "../container/exec-records.ts";
import { impairmentsOf } from "../container/impair/document.ts";
import { findContainer } from "../container/refresh.ts";
import { readSpec } from "../container/store.ts";
import { MdockerError, messageOf } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { describeContainer } from "../supervisor/translate/inspect.ts";
import { print, say } from "./output.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";
import { renderTemplate } from "./template.ts";

/** What `inspect` shows of one container: docker's document, mdocker's record, and the OCI document it was started from. */
async function describe(instance: Instance, reference: string): Promise<object> {
  const record = findContainer(instance, reference);
  let spec: object | undefined;
  try {
    spec = readSpec(instance, record.id);
  } catch (error) {
    // A container that is just being made has no document yet.
    if (!(error instanceof MdockerError)) throw error;
  }
  const impairments = impairmentsOf(instance, record);
  const execs = listExecs(instance, record.id).map(({ id }) => id);
  const request = readRequest(instance, record.id);
  const docker = await describeContainer(instance, record, request, { withSize: false, execs });
  return { ...docker, ...record, ...(Object.keys(impairments).length === 0 ? {} : { impairments }), spec };
}

/** Adds `inspect`. */
export function registerInspect(program: Command): void {
  const command = program
    .command("inspect")
    .summary("show all that is known of containers")
    .description(
      "Shows all that is known of each container as a JSON array: under docker's names, which begin with a capital, what " +
        "docker shows; under mdocker's own its record, and in `spec` the OCI runtime-spec document it was started from. " +
        "With --format one line for each.",
    )
    .helpOption("--help", "show help")
    .argument("<container...>", "names, ids or beginnings of ids")
    .option("-f, --format <template>", "json, or a template such as '{{.State.Pid}} {{.state}}'")
    .action(async (references: readonly string[], { format }: { readonly format?: string }) => {
      requireRoot("inspect");
      const found: object[] = [];
      for (const reference of references) {
        try {
          found.push(await describe(instanceOf(command), reference));
        } catch (error) {
          if (!(error instanceof MdockerError)) throw error;
          say(messageOf(error));
          process.exitCode = error.exitCode;
        }
      }
      if (format === undefined) print(`${JSON.stringify(found, null, 2)}\n`);
      else if (format === "json") print(`${JSON.stringify(found)}\n`);
      else print(found.map((one) => `${renderTemplate(format, one)}\n`).join(""));
    });
}
