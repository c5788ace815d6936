import type { ExecRequest } from "../container/exec-request.ts";
import { newId } from "../container/names.ts";
import type { ContainerRecord } from "../container/record.ts";
import { ConflictError, MdockerError, NotFoundError } from "../core/errors.ts";
import { containerEvent } from "./attributes.ts";
import type { Engine } from "./engine.ts";
import {
  type ExecWish,
  findExecNote,
  listExecNotes,
  lostCode,
  removeExecNote,
  settleExecNote,
  writeExecNote,
} from "./exec-notes.ts";
import { type ExecRun, runExec } from "./exec-run.ts";

/** How long an exec that has ended can be asked about, in milliseconds; as docker has it. */
const rememberedMs = 300_000;

/** One exec: made, running or ended. */
export interface Exec {
  readonly id: string;
  readonly container: string;
  readonly wish: ExecWish;
  /** Where it runs and was started by us. */
  readonly run: ExecRun | undefined;
  readonly started: boolean;
  readonly exitCode: number | undefined;
  /** As the host numbers it; 0 when it does not run. */
  readonly pid: number;
}

/** The execs that clients have made by the API; those too that they have made with an earlier supervisor. */
export class Execs {
  readonly #engine: Engine;
  readonly #all = new Map<string, Exec>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** @throws NotFoundError */
  find(id: string): Exec {
    const exec = this.#all.get(id) ?? this.#earlier(id);
    if (exec === undefined) throw new NotFoundError(`no such exec instance: ${id}`);
    return exec;
  }

  /** The execs of a container that have not ended, by id. */
  idsOf(container: string): readonly string[] {
    return listExecNotes(this.#engine.instance, container)
      .filter(({ id }) => this.find(id).exitCode === undefined)
      .map(({ id }) => id);
  }

  /** One that an earlier supervisor knew of. */
  #earlier(id: string): Exec | undefined {
    const found = findExecNote(this.#engine.instance, id);
    if (found === undefined) return undefined;
    const { note, pid } = settleExecNote(this.#engine.instance, found);
    const { container, wish, started, exitCode, ended } = note;
    if (ended !== undefined && Date.now() - Date.parse(ended) > rememberedMs) {
      removeExecNote(this.#engine.instance, note);
      return undefined;
    }
    const exec = { id, container, wish, started, exitCode, run: undefined, pid };
    // One that runs without us is looked at anew each time.
    if (pid === 0) this.#all.set(id, exec);
    if (ended !== undefined) this.#forgetLater(exec);
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
      pid: 0,
    });
    this.#note(id);
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
      this.#change(id, { run, pid: run.pid });
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
    if (exec === undefined) return;
    this.#all.set(id, { ...exec, ...changes });
    this.#note(id);
  }

  /** For the next supervisor. */
  #note(id: string): void {
    const exec = this.#all.get(id);
    if (exec === undefined) return;
    const { container, wish, started, exitCode } = exec;
    const ended = exitCode === undefined ? undefined : new Date().toISOString();
    writeExecNote(this.#engine.instance, { id, container, wish, started, exitCode, ended });
  }

  #forgetLater({ id, container }: Pick<Exec, "id" | "container">): void {
    setTimeout(() => {
      this.#all.delete(id);
      removeExecNote(this.#engine.instance, { id, container });
    }, rememberedMs).unref();
  }

  #ended(record: ContainerRecord, id: string, exitCode: number): void {
    this.#change(id, { exitCode, run: undefined, pid: 0 });
    this.#engine.events.emit(containerEvent("exec_die", record, { execID: id, exitCode: String(exitCode) }));
    this.#forgetLater({ id, container: record.id });
  }

  #tell(action: string, record: ContainerRecord, id: string, { request }: ExecWish): void {
    this.#engine.events.emit(containerEvent(`${action}: ${request.args.join(" ")}`, record, { execID: id }));
  }
}
