import type { Readable, Writable } from "node:stream";
import type { ContainerRecord } from "../container/record.ts";
import type { RunRequest } from "../container/request.ts";
import type { OciResources } from "../core/oci.ts";
import type { Instance } from "../core/paths.ts";
import type { EventBus } from "./events.ts";

/** A client's connection to the streams of a container. */
export interface Attachment {
  /** With a terminal there is one stream of raw bytes, `stdout`. */
  readonly terminal: boolean;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Absent when the container was made without -i. Ending it ends the command's stdin, if that was asked for (stdinOnce). */
  readonly stdin: Writable | undefined;
  /** The client is gone: the container goes on. */
  detach(): void;
}

/** What `wait` waits for. */
export type WaitCondition = "not-running" | "next-exit" | "removed";

/** What may be changed of a container that exists. */
export interface ContainerUpdate {
  readonly resources?: OciResources | undefined;
  /** Where the CPU quota in `resources` comes from. */
  readonly cpus?: number | undefined;
  readonly restart?: RunRequest["restart"];
}

/**
 * What the supervisor can do with containers. The HTTP routes know only this. Every method takes a name, an id or an
 * unambiguous beginning of one.
 * @throws NotFoundError, ConflictError, NotModifiedError (src/core/errors.ts), UsageError for what was asked wrongly,
 * SetupError for what could not be done.
 */
export interface Engine {
  readonly instance: Instance;
  readonly events: EventBus;
  list(): ContainerRecord[];
  find(reference: string): ContainerRecord;
  /** The request a container was made by. */
  request(reference: string): RunRequest;
  create(
    request: RunRequest,
  ): Promise<{ readonly record: ContainerRecord; readonly warnings: readonly string[] }>;
  /** NotModifiedError when it runs already. */
  start(reference: string): Promise<void>;
  /** NotModifiedError when it does not run. */
  stop(reference: string, options: StopOptions): Promise<void>;
  restart(reference: string, options: StopOptions): Promise<void>;
  /** `signal` by number. */
  kill(reference: string, signal: number): Promise<void>;
  pause(reference: string): Promise<void>;
  unpause(reference: string): Promise<void>;
  rename(reference: string, name: string): Promise<void>;
  update(reference: string, update: ContainerUpdate): Promise<readonly string[]>;
  remove(reference: string, options: { readonly force: boolean; readonly volumes: boolean }): Promise<void>;
  /** Resolves when the condition holds; `abort` gives up waiting. */
  wait(
    reference: string,
    condition: WaitCondition,
    abort: AbortSignal,
  ): Promise<{ readonly code: number; readonly error?: string | undefined }>;
  /** May be called before the container is started. */
  attach(reference: string): Attachment;
  resize(reference: string, rows: number, columns: number): void;
  /** Somebody has impaired a link for a time: it is put back when that is over. */
  impairedForATime(): void;
}

export interface StopOptions {
  /** By number; default: the container's own. */
  readonly signal?: number | undefined;
  /** Seconds; -1 without end; default: the container's own. */
  readonly timeout?: number | undefined;
  /** Not by a user, but because the supervisor ends: the next one may start it again. */
  readonly shutdown?: boolean | undefined;
}
