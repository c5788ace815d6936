import { rmSync, writeFileSync } from "node:fs";
import type { RunRequest } from "../container/request.ts";
import { hasErrno, messageOf, UsageError } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { connectSupervisor, type SupervisorClient } from "./client.ts";
import { print, say } from "./output.ts";
import { startOf } from "./start-container.ts";

/** Now, and still empty: should it exist, nothing else is made. @throws UsageError */
function makeCidFile(path: string): void {
  try {
    writeFileSync(path, "", { flag: "wx" });
  } catch (error) {
    if (!hasErrno(error, "EEXIST")) throw error;
    throw new UsageError(`--cidfile: ${path} exists already: remove it, or name another file`);
  }
}

/** Makes a container by the supervisor, and writes its cid file. Returns its id. @throws MdockerError */
export async function createBy(client: SupervisorClient, request: RunRequest): Promise<string> {
  const { cidFile, ...rest } = request;
  if (cidFile !== undefined) makeCidFile(cidFile);
  try {
    const { json } = await client.request("POST", "/mdocker/create", { body: rest });
    const { Id: id, Warnings: warnings } = json as {
      readonly Id: string;
      readonly Warnings: readonly string[];
    };
    for (const warning of warnings) say(warning);
    if (cidFile !== undefined) writeFileSync(cidFile, id);
    return id;
  } catch (error) {
    if (cidFile !== undefined) rmSync(cidFile, { force: true });
    throw error;
  }
}

/** `mdocker create`. */
export async function createDetached(instance: Instance, request: RunRequest): Promise<void> {
  print(`${await createBy(await connectSupervisor(instance), request)}\n`);
}

/** `mdocker run -d`. A container that could not be started stays, unless it was to go when it ends. */
export async function runDetached(instance: Instance, request: RunRequest): Promise<void> {
  const client = await connectSupervisor(instance);
  const id = await createBy(client, request);
  try {
    await startOf(instance, client, id);
  } catch (error) {
    if (request.autoRemove === true) {
      try {
        await client.request("DELETE", `/containers/${id}`);
      } catch (failure) {
        say(`warning: container ${id.slice(0, 12)}: ${messageOf(failure)}`);
      }
    }
    throw error;
  }
  print(`${id}\n`);
}
