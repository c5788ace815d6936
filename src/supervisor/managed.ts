import { disconnectEnded, releaseMonitor, removeLinks } from "../container/collect.ts";
import { readRequest } from "../container/create.ts";
import { fifoPath } from "../container/fifos.ts";
import type { ContainerRecord, ExitRecord } from "../container/record.ts";
import { findContainer, readExit } from "../container/refresh.ts";
import type { RunRequest } from "../container/request.ts";
import { type StartedContainer, startContainer } from "../container/start.ts";
import { containerPaths, readRecord, removeRunDirectory, writeRecord } from "../container/store.ts";
import {
  ConflictError,
  hasErrno,
  messageOf,
  NotFoundError,
  NotModifiedError,
  SetupError,
} from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { type ContainerLog, openContainerLog } from "../logs/container-log.ts";
import { detailsOf } from "../logs/details.ts";
import { parseLogOptions } from "../logs/options.ts";
import { openFifo } from "../sys/fifo.ts";
import { isAlive } from "../sys/process.ts";
import { copyTerminalOf } from "../sys/pty.ts";
import { reap } from "../sys/spawn.ts";
import { containerEvent } from "./attributes.ts";
import type { Attachment } from "./engine.ts";
import type { EventBus } from "./events.ts";
import { Fanout, Tap } from "./fanout.ts";
import { ContainerRun } from "./run.ts";
import { Stdin } from "./stdin.ts";

/** How long the end of a monitor that was let go is waited for before it is looked at again. */
const reapMs = 5;

/** How a container ended whose monitor could not say it. */
function lostExit(): ExitRecord {
  const at = new Date().toISOString();
  return { code: 137, at, oomKilled: false, error: "its monitor was killed" };
}

/** What happens when a container has ended: its removal. Decided by the supervisor. */
type AfterEnd = (container: ManagedContainer) => Promise<void>;

/** What is to be known when a run begins; `adopted`: an earlier supervisor has started it. */
export type AfterStart = (container: ManagedContainer, record: ContainerRecord, adopted: boolean) => void;

/** Whether there will be another run after the one that is over. */
type Plan = (container: ManagedContainer, exit: ExitRecord) => boolean;

/** What is to be done when a run is over, before anybody is told. */
type BeforeEnd = (container: ManagedContainer, record: ContainerRecord, exit: ExitRecord) => void;

/** What a managed container is among. */
export interface Surroundings {
  readonly afterStart: AfterStart;
  readonly events: EventBus;
  readonly plan: Plan;
  readonly beforeEnd: BeforeEnd;
  readonly afterEnd: AfterEnd;
  /** Shows a line to whoever reads the supervisor's own log. */
  readonly say: (line: string) => void;
}

/** One detached container that the supervisor keeps: its current run, its clients, its end. */
export class ManagedContainer {
  readonly instance: Instance;
  readonly id: string;
  readonly request: RunRequest;
  readonly fanout: Fanout = new Fanout();
  readonly #events: EventBus;
  readonly #afterStart: AfterStart;
  readonly #plan: Plan;
  readonly #beforeEnd: BeforeEnd;
  readonly #afterEnd: AfterEnd;
  readonly #stdin: Stdin;
  readonly #taps = new Set<Tap>();
  readonly #say: (line: string) => void;
  #queue: Promise<void> = Promise.resolve();
  #run: ContainerRun | undefined;
  /** Resolves when the present run is over and everything about it is written. */
  #over: Promise<void> = Promise.resolve();
  readonly #exits = new Set<(exit: ExitRecord) => void>();
  readonly #removals = new Set<() => void>();

  constructor(instance: Instance, id: string, surroundings: Surroundings) {
    const request = readRequest(instance, id);
    if (request === undefined)
      throw new ConflictError(`container ${id.slice(0, 12)} was run in the foreground`);
    this.instance = instance;
    this.id = id;
    this.request = request;
    this.#events = surroundings.events;
    this.#afterStart = surroundings.afterStart;
    this.#plan = surroundings.plan;
    this.#beforeEnd = surroundings.beforeEnd;
    this.#afterEnd = surroundings.afterEnd;
    this.#say = surroundings.say;
    this.#stdin = new Stdin(request.stdinOnce === true);
  }

  /** @throws NotFoundError when it has been removed. */
  get record(): ContainerRecord {
    const record = readRecord(this.instance, this.id);
    if (record === undefined) throw new NotFoundError(`no such container: ${this.id.slice(0, 12)}`);
    return record;
  }

  get running(): boolean {
    return this.#run !== undefined;
  }

  /** Resolves when the run that was going on when it was called is over. */
  get over(): Promise<void> {
    return this.#over;
  }

  /** Starts it; `fresh`: how often it was started again before counts no more. @throws as startContainer does. */
  async start({ fresh = false }: { readonly fresh?: boolean } = {}): Promise<void> {
    // What runs would be waited for; what has ended is just being written down.
    const { state, name } = findContainer(this.instance, this.id);
    if (state === "running" || state === "paused")
      throw new NotModifiedError(`container ${name} is running already`);
    await this.#over;
    const record = fresh ? { ...this.record, restartCount: undefined } : this.record;
    // First: output that could not be kept is no reason to let it run.
    const log = this.#openLog(record);
    const started = await startContainer(this.instance, record).catch(async (error: unknown) => {
      await log?.close();
      throw error;
    });
    this.#begin(started.record, started, log);
    this.#events.emit(containerEvent("start", started.record));
    this.#afterStart(this, started.record, false);
  }

  /** Takes over a container that an earlier supervisor has started. */
  adopt(): void {
    const { record } = this;
    const { monitor } = record;
    if (monitor === undefined) return;
    let terminal: number | undefined;
    try {
      terminal = this.request.terminal ? copyTerminalOf(monitor.pid) : undefined;
    } catch (error) {
      // It was given none: the supervisor was killed before, and so the command has never run.
      if (!(error instanceof SetupError)) throw error;
      releaseMonitor(this.instance, this.id);
      this.bury();
      return;
    }
    const stdin = terminal === undefined && this.request.interactive ? this.#reopenStdin() : undefined;
    this.#begin(record, { terminal, stdin }, this.#reopenLog(record));
    this.#afterStart(this, record, true);
  }

  /** A client's connection to its streams; it may come before the start. */
  attach(): Attachment {
    const tap = new Tap();
    this.#taps.add(tap);
    const leave = this.fanout.add(tap.take);
    return {
      terminal: this.request.terminal,
      stdout: tap.stdout,
      stderr: tap.stderr,
      stdin: this.request.interactive ? this.#stdin.open() : undefined,
      detach: () => {
        leave();
        this.#taps.delete(tap);
        tap.drop();
      },
    };
  }

  resize(rows: number, columns: number): void {
    this.#run?.resize(rows, columns);
  }

  /** The end of the present run, or of the next; never, once `abort` has come first. */
  nextExit(abort?: AbortSignal): Promise<ExitRecord> {
    return new Promise((resolve) => this.#await(this.#exits, resolve, abort));
  }

  /** Resolves when it has been removed; never, once `abort` has come first. */
  removal(abort?: AbortSignal): Promise<void> {
    return new Promise((resolve) => this.#await(this.#removals, resolve, abort));
  }

  #await<T>(waiting: Set<T>, one: T, abort: AbortSignal | undefined): void {
    waiting.add(one);
    abort?.addEventListener("abort", () => waiting.delete(one), { once: true });
  }

  /** How many wait for its end or its removal. */
  get awaited(): number {
    return this.#exits.size + this.#removals.size;
  }

  /** It is not started again: who waits for its next end has that now. */
  settle(exit: ExitRecord): void {
    const exits = [...this.#exits];
    this.#exits.clear();
    for (const tell of exits) tell(exit);
  }

  /** It is no more: whoever waits for that hears of it. */
  removed(): void {
    for (const tap of this.#taps) tap.end();
    this.#stdin.abandon();
    for (const tell of this.#removals) tell();
    this.#removals.clear();
  }

  #begin(
    record: ContainerRecord,
    { terminal, stdin }: Pick<StartedContainer, "terminal" | "stdin">,
    log: ContainerLog | undefined,
  ): void {
    // Before the first byte is read.
    const keep = log === undefined ? undefined : this.fanout.add(log.take);
    if (log !== undefined) this.#spool(record, log);
    const run = new ContainerRun(
      this.instance,
      { record, terminal, stdin },
      this.fanout,
      this.#stdin,
      (stream, pipe) => (log === undefined ? false : log.fill(stream, pipe)),
    );
    this.#run = run;
    const exit = this.#attend(run, record, log, keep);
    this.#over = exit.then(
      () => undefined,
      (error: unknown) => this.#say(`container ${record.name}: ${messageOf(error)}`),
    );
    // Apart from the end itself: it may start the container again, which waits for the end.
    exit
      .then((how) => (how === undefined ? undefined : this.#afterEnd(this)))
      .catch((error: unknown) => {
        this.#say(`container ${record.name}: ${messageOf(error)}`);
      });
  }

  /** Lets it be, as it is: for the next supervisor. Resolves when nothing of it is under way here. */
  async leave(): Promise<void> {
    await this.#queue;
    for (const tap of this.#taps) tap.end();
    this.#run?.leave();
    await this.#over;
  }

  /** Runs `act` when nothing else that changes the container from one state to another is going on. */
  exclusively<T>(act: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(act);
    this.#queue = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  /** Sees a run to its end; undefined when it was left to another supervisor. */
  async #attend(
    run: ContainerRun,
    started: ContainerRecord,
    log: ContainerLog | undefined,
    keep: (() => void) | undefined,
  ): Promise<ExitRecord | undefined> {
    const ended = await run.ended;
    if (ended) await run.drain();
    keep?.();
    await log?.close({ goesOn: !ended });
    if (!ended) return undefined;
    const exit = readExit(this.instance, this.id) ?? lostExit();
    await this.#removeLinks(started);
    const record = this.#finish(started, exit);
    // From here on nothing that it wrote can be lost.
    releaseMonitor(this.instance, this.id);
    await run.gone;
    run.close();
    await this.#reap(record);
    this.#run = undefined;
    this.#tell(record, exit);
    return exit;
  }

  /** Writes down the end of a container that ended, monitor and all, while no supervisor was there. */
  bury(): void {
    const { record } = this;
    const exit = readExit(this.instance, this.id) ?? lostExit();
    // The line that it has not ended is the last one now.
    const left = this.#reopenLog(record);
    if (left !== undefined) this.#spool(record, left);
    const log = left?.close();
    log?.catch((error: unknown) => this.#say(`container ${record.name}: ${messageOf(error)}`));
    const ended = this.#finish(record, exit);
    this.#tell(ended, exit);
    this.#afterEnd(this).catch((error: unknown) => {
      this.#say(`container ${record.name}: ${messageOf(error)}`);
    });
  }

  /** Opens the log of what an earlier supervisor has started: that runs, kept or not. */
  #reopenLog(record: ContainerRecord): ContainerLog | undefined {
    try {
      return this.#openLog(record);
    } catch (error) {
      this.#say(`container ${record.name}: its output is not kept: ${messageOf(error)}`);
      return undefined;
    }
  }

  /** What leaves the pipes of the run that begins, or goes on, survives us. */
  #spool({ name }: ContainerRecord, log: ContainerLog): void {
    try {
      log.spool(containerPaths(this.instance, this.id).run);
    } catch (error) {
      this.#say(`container ${name}: a supervisor that is killed may lose some output: ${messageOf(error)}`);
    }
  }

  /** Opens what keeps its output; undefined when it is not to be kept. @throws what open(2) says. */
  #openLog({ id, name, image, command, labels }: ContainerRecord): ContainerLog | undefined {
    const { driver, options } = this.request.log ?? { driver: "json-file", options: {} };
    const { directory } = containerPaths(this.instance, this.id);
    const place = {
      directory,
      say: (line: string) => this.#say(`container ${name}: ${line}`),
    };
    const parsed = parseLogOptions(driver, options);
    const { env } = this.request;
    const described = { id, name, image, command, labels, env };
    const details = parsed.driver === "none" ? undefined : detailsOf(parsed.details, described);
    return openContainerLog({ ...place, details }, parsed);
  }

  /** Before {@link #finish}, which would hold up all others as long as the kernel takes for it. */
  async #removeLinks(started: ContainerRecord): Promise<void> {
    try {
      await removeLinks(this.instance, this.#latest(started));
    } catch (error) {
      this.#say(`container ${started.name}: ${messageOf(error)}`);
    }
  }

  #finish(started: ContainerRecord, exit: ExitRecord): ContainerRecord {
    const state = this.#plan(this, exit) ? "restarting" : "exited";
    const record: ContainerRecord = { ...this.#latest(started), state, exit };
    disconnectEnded(this.instance, record);
    try {
      writeRecord(this.instance, record);
    } catch (error) {
      // Removed by another meanwhile, or a full disk: what runs on must not be held up by it.
      if (!hasErrno(error, "ENOENT")) this.#say(`container ${record.name}: ${messageOf(error)}`);
    }
    return record;
  }

  #tell(record: ContainerRecord, exit: ExitRecord): void {
    removeRunDirectory(this.instance, this.id);
    for (const tap of this.#taps) tap.end();
    this.#taps.clear();
    this.#beforeEnd(this, record, exit);
    this.#events.emit(containerEvent("die", record, { exitCode: String(exit.code) }));
    this.settle(exit);
  }

  /** The record as it is now: it may have been renamed or updated meanwhile. */
  #latest(started: ContainerRecord): ContainerRecord {
    return readRecord(this.instance, this.id) ?? started;
  }

  async #reap({ monitor }: ContainerRecord): Promise<void> {
    // A few looks are enough: its descriptors are closed, so it is about to end.
    for (let look = 0; monitor !== undefined && look < 100; look++) {
      if (reap(monitor.pid, true) !== undefined || !isAlive(monitor)) return;
      await new Promise((resolve) => setTimeout(resolve, reapMs));
    }
  }

  #reopenStdin(): number | undefined {
    try {
      return openFifo(fifoPath(containerPaths(this.instance, this.id).run, "stdin"), "write");
    } catch (error) {
      // Nobody reads it any more.
      if (hasErrno(error, "ENXIO", "ENOENT")) return undefined;
      throw error;
    }
  }
}
