import { changeRecord } from "../container/change-record.ts";
import { disconnectEnded, releaseMonitor } from "../container/collect.ts";
import { createContainer, readRequest } from "../container/create.ts";
import { forgetExecs } from "../container/exec-records.ts";
import { killContainer } from "../container/kill.ts";
import { pauseContainer, unpauseContainer } from "../container/pause.ts";
import type { ContainerRecord, ExitRecord } from "../container/record.ts";
import { findContainer, isLive, listContainers } from "../container/refresh.ts";
import { removeContainer } from "../container/remove.ts";
import { renameContainer } from "../container/rename.ts";
import type { RunRequest } from "../container/request.ts";
import { stopContainer } from "../container/stop.ts";
import { listRecords, removeRunDirectory } from "../container/store.ts";
import { updateContainer } from "../container/update.ts";
import { ConflictError, messageOf, NotFoundError, NotModifiedError } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { isAlive } from "../sys/process.ts";
import { containerEvent } from "./attributes.ts";
import { Care } from "./care.ts";
import type { Attachment, ContainerUpdate, Engine, StopOptions, WaitCondition } from "./engine.ts";
import { EventBus } from "./events.ts";
import { Healer, healingWanted } from "./healer.ts";
import { ImpairmentTimer } from "./impairments.ts";
import { LeftExecs } from "./left-execs.ts";
import { ManagedContainer } from "./managed.ts";
import { startsWithSupervisor } from "./restart.ts";

/** Keeps the detached containers of one instance. */
export class Supervisor implements Engine {
  readonly instance: Instance;
  readonly events: EventBus = new EventBus();
  readonly #say: (line: string) => void;
  readonly #managed = new Map<string, ManagedContainer>();
  readonly #cares = new WeakMap<ManagedContainer, Care>();
  readonly #impairments: ImpairmentTimer;
  readonly #healer: Healer;
  readonly #leftExecs: LeftExecs;

  constructor(instance: Instance, say: (line: string) => void) {
    this.instance = instance;
    this.#say = say;
    this.#impairments = new ImpairmentTimer(instance, say);
    this.#healer = new Healer(instance, this.events, say);
    this.#leftExecs = new LeftExecs(instance);
  }

  /** Takes over what earlier supervisors have left: running containers, and ends that nobody has seen. */
  async open(): Promise<void> {
    for (const record of listRecords(this.instance, (error) => this.#say(error.message))) {
      if (record.foreground) continue;
      try {
        await this.#takeOver(record);
      } catch (error) {
        this.#say(`container ${record.name}: ${messageOf(error)}`);
      }
    }
    this.#impairments.look();
    if (healingWanted(process.env)) this.#healer.begin();
  }

  /** Ends in order: what runs goes on, and waits for the next supervisor; with `stop` it is stopped. */
  async close({ stop }: { readonly stop: boolean }): Promise<void> {
    this.#impairments.leave();
    this.#healer.leave();
    this.#leftExecs.leave();
    const containers = [...this.#managed.values()];
    for (const container of containers) this.#cares.get(container)?.leave();
    if (stop) {
      const running = containers.filter(({ running }) => running);
      await Promise.allSettled(running.map(({ id }) => this.stop(id, { shutdown: true })));
    }
    await Promise.allSettled(containers.map((container) => container.leave()));
  }

  impairedForATime(): void {
    this.#impairments.look();
  }

  list(): ContainerRecord[] {
    return listContainers(this.instance);
  }

  find(reference: string): ContainerRecord {
    return findContainer(this.instance, reference.replace(/^\//, ""));
  }

  request(reference: string): RunRequest {
    const { id, name } = this.find(reference);
    const request = readRequest(this.instance, id);
    if (request === undefined) throw new ConflictError(`container ${name} was run in the foreground`);
    return request;
  }

  async create(request: RunRequest): ReturnType<Engine["create"]> {
    const { record, notes } = await createContainer(this.instance, request, this.#say);
    this.events.emit(containerEvent("create", record));
    return { record, warnings: notes };
  }

  async start(reference: string): Promise<void> {
    const container = this.#container(reference);
    this.#cares.get(container)?.reset();
    try {
      await container.exclusively(() => container.start({ fresh: true }));
    } catch (error) {
      await this.#removeUnstarted(container);
      throw error;
    }
  }

  /** One that is to be removed when it has ended, and could not be started, has ended. */
  async #removeUnstarted({ id, request }: ManagedContainer): Promise<void> {
    if (request.autoRemove !== true) return;
    try {
      if (!isLive(this.find(id))) await this.remove(id, { force: false, volumes: true });
    } catch (error) {
      // Removed by another, or started again meanwhile. Why it did not start is what counts.
      if (!(error instanceof NotFoundError || error instanceof ConflictError)) this.#say(messageOf(error));
    }
  }

  async stop(reference: string, options: StopOptions): Promise<void> {
    let record = this.find(reference);
    const container = this.#managed.get(record.id);
    const care = container === undefined ? undefined : this.#cares.get(container);
    care?.hold();
    if (record.state === "restarting" || record.state === "starting") {
      // Its next run may just be beginning: then that is the one to be stopped.
      await container?.exclusively(async () => undefined);
      record = this.find(record.id);
    }
    if (record.state === "restarting" && record.exit !== undefined) container?.settle(record.exit);
    const ended = container?.running === true ? container.nextExit() : undefined;
    await stopContainer(this.instance, record, { ...options, ended });
    await container?.over;
    this.events.emit(containerEvent("stop", record));
  }

  async restart(reference: string, options: StopOptions): Promise<void> {
    const { id } = this.find(reference);
    try {
      await this.stop(id, options);
    } catch (error) {
      if (!(error instanceof NotModifiedError)) throw error;
    }
    await this.start(id);
    this.events.emit(containerEvent("restart", this.find(id)));
  }

  async kill(reference: string, signal: number): Promise<void> {
    const record = this.find(reference);
    killContainer(this.instance, record, signal);
    this.events.emit(containerEvent("kill", record, { signal: String(signal) }));
  }

  async pause(reference: string): Promise<void> {
    const record = this.find(reference);
    pauseContainer(this.instance, record);
    this.#careOf(record)?.paused();
    this.events.emit(containerEvent("pause", record));
  }

  async unpause(reference: string): Promise<void> {
    const record = this.find(reference);
    unpauseContainer(this.instance, record);
    this.#careOf(record)?.unpaused();
    this.events.emit(containerEvent("unpause", record));
  }

  async rename(reference: string, name: string): Promise<void> {
    const record = this.find(reference);
    await renameContainer(this.instance, record, name);
    this.events.emit(containerEvent("rename", this.find(record.id), { oldName: `/${record.name}` }));
  }

  async update(reference: string, update: ContainerUpdate): Promise<readonly string[]> {
    const record = this.find(reference);
    const warnings = await updateContainer(this.instance, record, update);
    this.#careOf(record)?.updated(this.find(record.id));
    this.events.emit(containerEvent("update", record));
    return warnings;
  }

  async remove(
    reference: string,
    { force, volumes }: { readonly force: boolean; readonly volumes: boolean },
  ): Promise<void> {
    const { id, foreground, state } = this.find(reference);
    const container = foreground ? undefined : this.#container(id);
    const care = container === undefined ? undefined : this.#cares.get(container);
    // What was planned is off; one that runs keeps its policy until it is clear that it goes.
    if (container?.running !== true && (force || state !== "restarting")) care?.hold();
    const act = async (): Promise<void> => {
      const record = this.find(id);
      if (record.state === "restarting" && !force)
        throw new ConflictError(
          `You cannot remove a restarting container ${id}. Stop the container before attempting removal or force remove`,
        );
      if (isLive(record) && !force) {
        care?.reset();
        throw new ConflictError(
          `You cannot remove a running container ${id}. Stop the container before attempting removal or force remove`,
        );
      }
      care?.hold();
      if (container?.running === true) {
        try {
          killContainer(this.instance, record, 9);
        } catch (error) {
          // It has just ended by itself.
          if (!(error instanceof ConflictError)) throw error;
        }
        await container.over;
      }
      await removeContainer(this.instance, this.find(id), { force, volumes });
      this.#managed.delete(id);
      container?.removed();
      this.events.emit(containerEvent("destroy", record));
    };
    await (container === undefined ? act() : container.exclusively(act));
  }

  async wait(reference: string, condition: WaitCondition, abort: AbortSignal): ReturnType<Engine["wait"]> {
    const container = this.#container(reference);
    const { exit, state } = container.record;
    if (condition === "not-running" && !container.running && state !== "restarting")
      return { code: exit?.code ?? 0, error: exit?.error };
    let last: ExitRecord | undefined = exit;
    // Whichever comes first: nothing of the others stays.
    const over = new AbortController();
    const aborted = new Promise<never>((_resolve, reject) => {
      abort.addEventListener("abort", () => reject(abort.reason), { signal: over.signal });
    });
    const ended = container.nextExit(over.signal).then((how) => {
      last = how;
    });
    try {
      abort.throwIfAborted();
      await Promise.race([condition === "removed" ? container.removal(over.signal) : ended, aborted]);
    } finally {
      over.abort();
    }
    return { code: last?.code ?? 0, error: last?.error };
  }

  /** How many wait for the end or the removal of a container. */
  awaited(reference: string): number {
    return this.#container(reference).awaited;
  }

  attach(reference: string): Attachment {
    return this.#container(reference).attach();
  }

  resize(reference: string, rows: number, columns: number): void {
    this.#container(reference).resize(rows, columns);
  }

  /** The container's keeper; it gets one when it is first asked for. */
  #container(reference: string): ManagedContainer {
    const { id } = this.find(reference);
    const known = this.#managed.get(id);
    if (known !== undefined) return known;
    const { events } = this;
    const container = new ManagedContainer(this.instance, id, {
      events,
      say: this.#say,
      afterStart: (started, record, adopted) => this.#cares.get(started)?.started(record, adopted),
      plan: (ended, exit) =>
        ended.request.autoRemove !== true && this.#cares.get(ended)?.ended(exit) === true,
      beforeEnd: (ended, record, exit) => this.#cares.get(ended)?.ending(record, exit),
      afterEnd: (ended) => this.#afterEnd(ended),
    });
    this.#managed.set(id, container);
    this.#cares.set(container, new Care(container, events, this.#say));
    return container;
  }

  async #takeOver(record: ContainerRecord): Promise<void> {
    const { monitor, id } = record;
    switch (record.state) {
      case "created":
      case "creating":
      case "dead":
        return;
      case "restarting":
      case "exited":
        await this.#takeOverEnded(record);
        return;
      case "starting":
        // The command has not run: it waits for a word that never comes, and ends.
        releaseMonitor(this.instance, id);
        disconnectEnded(this.instance, record);
        removeRunDirectory(this.instance, id);
        return;
      case "running":
      case "paused": {
        const container = this.#container(id);
        this.#leftExecs.follow(id, (execID, exitCode) =>
          this.events.emit(containerEvent("exec_die", record, { execID, exitCode: String(exitCode) })),
        );
        // Of the others, those who asked for them have gone with the earlier supervisor.
        forgetExecs(this.instance, id);
        if (monitor !== undefined && isAlive(monitor)) container.adopt();
        else container.bury();
        return;
      }
      default:
        record.state satisfies never;
    }
  }

  /** A container that does not run, and perhaps should. */
  async #takeOverEnded(record: ContainerRecord): Promise<void> {
    const { id, name, state, exit, restartCount = 0 } = record;
    const request = readRequest(this.instance, id);
    if (request?.autoRemove === true) {
      await this.remove(id, { force: false, volumes: true });
    } else if (request?.restart !== undefined && startsWithSupervisor(request.restart, exit, restartCount)) {
      const container = this.#container(id);
      this.#cares.get(container)?.resume(record);
      // Not awaited: whoever wants something else of this supervisor need not wait for it.
      container
        .exclusively(() => container.start())
        .catch((error: unknown) => this.#say(`container ${name}: ${messageOf(error)}`));
    } else if (state === "restarting") {
      // Its policy was changed while nobody was there.
      changeRecord(this.instance, id, (now) => ({ ...now, state: "exited" }));
    }
  }

  #careOf({ id }: ContainerRecord): Care | undefined {
    const container = this.#managed.get(id);
    return container === undefined ? undefined : this.#cares.get(container);
  }

  async #afterEnd(container: ManagedContainer): Promise<void> {
    if (container.request.autoRemove === true)
      await this.remove(container.id, { force: false, volumes: true });
  }
}

/** A supervisor that has taken over what earlier ones left. `say` shows a line in its own log. */
export async function createSupervisor(instance: Instance, say: (line: string) => void): Promise<Supervisor> {
  const supervisor = new Supervisor(instance, say);
  await supervisor.open();
  return supervisor;
}
