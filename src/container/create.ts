import { mkdirSync } from "node:fs";
import { prepareLayers, removeLayers } from "../../overlay/prepare.ts";
import { readTextIfAny, writeFileAtomic } from "../core/atomic.ts";
import { SetupError } from "../core/errors.ts";
import { join } from "../core/join.ts";
import type { Instance } from "../core/paths.ts";
import { UndoStack } from "../core/undo.ts";
import { parseLogOptions } from "../logs/options.ts";
import { freeAbandonedName } from "./orphans.ts";
import { draftRecord } from "./perform.ts";
import { prepareWithImage } from "./prepare-image.ts";
import type { ContainerRecord } from "./record.ts";
import type { RunRequest } from "./request.ts";
import {
  containerPaths,
  releaseName,
  removeContainerFiles,
  reserveContainer,
  writeRecord,
  writeSpec,
} from "./store.ts";
import { removeAnonymousVolumes } from "./volumes.ts";

function requestPath(instance: Instance, id: string): string {
  return join(containerPaths(instance, id).directory, "request.json");
}

/** Keeps what a container was asked for: each of its starts begins from it. */
export function writeRequest(instance: Instance, id: string, request: RunRequest): void {
  writeFileAtomic(requestPath(instance, id), JSON.stringify(request));
}

/** What a container was asked for; undefined for one that was run in the foreground. @throws SetupError */
export function readRequest(instance: Instance, id: string): RunRequest | undefined {
  const text = readTextIfAny(requestPath(instance, id));
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as RunRequest;
  } catch (cause) {
    throw new SetupError(`container ${id.slice(0, 12)}: request.json is not JSON`, { cause });
  }
}

export interface CreatedContainer {
  readonly record: ContainerRecord;
  /** One line each: what the host cannot give as asked. */
  readonly notes: readonly string[];
}

/**
 * Makes a container that is not started yet: its directory, record, request and writable layer. It lives without the
 * process that made it.
 * @throws MdockerError after everything has been taken back.
 */
export async function createContainer(
  instance: Instance,
  asked: RunRequest,
  say: (line: string) => void,
): Promise<CreatedContainer> {
  // A cid file is for the client to write.
  const request: RunRequest = { ...asked, detached: true, keep: true, cidFile: undefined };
  if (request.log !== undefined) parseLogOptions(request.log.driver, request.log.options);
  const prepared = await prepareWithImage(instance, request, { say });
  const { id, overlay, spec, notes } = prepared;
  const undo = new UndoStack();
  try {
    if (request.name !== undefined) await freeAbandonedName(instance, request.name);
    undo.push("container directory", () => removeContainerFiles(instance, id));
    const draft = reserveContainer(instance, request.name, draftRecord(prepared));
    undo.push("container name", () => releaseName(instance, draft.name, id));
    undo.push("writable layer", () => removeLayers(overlay.directory));
    prepareLayers(overlay);
    writeSpec(instance, id, spec);
    writeRequest(instance, id, { ...request, name: draft.name });
    undo.push("anonymous volumes", () => removeAnonymousVolumes(instance, spec.mounts, id));
    // A copy may come before the first start.
    for (const directory of prepared.directories) mkdirSync(directory, { recursive: true, mode: 0o755 });
    if (request.mounts.some(({ kind }) => kind === "volume")) {
      const { fillVolumes } = await import("./fill-volumes.ts");
      await fillVolumes(instance, draft, request.mounts, say);
    }
    const record: ContainerRecord = { ...draft, state: "created", owner: undefined };
    writeRecord(instance, record);
    undo.commit();
    return { record, notes };
  } finally {
    await undo.unwind();
  }
}
