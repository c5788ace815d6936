import type { ExecRequest } from "../container/exec-request.ts";
import { newId } from "../container/names.ts";
import type { ContainerRecord } from "../container/record.ts";
import { ConflictError, MdockerError, NotFoundError } from "../core/errors.ts";
import { containerEvent } from "./attributes.ts";
import type { Engine } from "./engine.ts";
import { type ExecRun, runExec } from "./exec-run.ts";

/** How long an exec that has ended can be asked about, in milliseconds; as docker has it. */
const rememberedMs = 300_000;

/** The exit code of one whose end nobody has seen. */
const lostCode = 137;

/** An exec as a client asked for it. */
export interface ExecWish {
  readonly request: ExecRequest;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly detachKeys: string | undefined;
}

/** One exec: made, running or ended. */
export interface Exec {
  readonly id: string;
  readonly container: string;
  readonly wish: ExecWish;
  readonly run: ExecRun | undefined;
  readonly started: boolean;
  readonly exitCode: number | undefined;
}

/** The execs that clients have made by the API. */
export class Execs {
  readonly #engine: Engine;
  readonly #all = new Map<string, Exec>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** @throws NotFoundError */
  find(id: string): Exec {
    const exec = this.#all.get(id);
    if (exec === undefined) throw new NotFoundError(`no such exec instance: ${id}`);
    return exec;
  }

  /** Notes what is to be run. @throws ConflictError when the container does not run */
  create(reference: string, wish: ExecWish): string {
    const record = this.#running(reference);
    const id = newId();
    this.#all.set(id, {
      id,
      container: record.id,
      wish,
      run: undefined,
      started: false,
      exitCode: undefined,
    });
    this.#tell("exec_create", record, id, wish);
    return id;
  }

  /** @throws ConflictError unless it can be started now */
  checkStart(id: string): Exec {
    const exec = this.find(id);
    if (exec.started) throw new ConflictError(`exec ${id} has already run`);
    this.#running(exec.container);
    return exec;
  }

  /** Starts it. @throws as startExec does; its exit code is known then */
  async start(id: string, size: ExecRequest["size"]): Promise<ExecRun> {
    const exec = this.checkStart(id);
    const { wish, container } = exec;
    this.#change(id, { started: true });
    const record = this.#running(container);
    try {
      const request = size === undefined ? wish.request : { ...wish.request, size };
      const run = await runExec(this.#engine.instance, record, request, { id, interactive: wish.stdin });
      this.#change(id, { run });
      this.#tell("exec_start", record, id, wish);
      run.exit.then(
        (exitCode) => this.#ended(record, id, exitCode),
        () => this.#ended(record, id, lostCode),
      );
      return run;
    } catch (error) {
      this.#ended(record, id, error instanceof MdockerError ? error.exitCode : 126);
      throw error;
    }
  }

  #running(reference: string): ContainerRecord {
    const record = this.#engine.find(reference);
    if (record.state === "paused")
      throw new ConflictError(`Container ${record.name} is paused, unpause the container before exec`);
    if (record.state === "restarting")
      throw new ConflictError(`Container ${record.id} is restarting, wait until the container is running`);
    if (record.state !== "running") throw new ConflictError(`Container ${record.id} is not running`);
    return record;
  }

  #change(id: string, changes: Partial<Exec>): void {
    const exec = this.#all.get(id);
    if (exec !== undefined) this.#all.set(id, { ...exec, ...changes });
  }

  #ended(record: ContainerRecord, id: string, exitCode: number): void {
    this.#change(id, { exitCode, run: undefined });
    this.#engine.events.emit(containerEvent("exec_die", record, { execID: id, exitCode: String(exitCode) }));
    setTimeout(() => this.#all.delete(id), rememberedMs).unref();
  }

  #tell(action: string, record: ContainerRecord, id: string, { request }: ExecWish): void {
    this.#engine.events.emit(containerEvent(`${action}: ${request.args.join(" ")}`, record, { execID: id }));
  }
}
