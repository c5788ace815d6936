import { changeRecord } from "../container/change-record.ts";
import { readRequest } from "../container/create.ts";
import { LimitWatch } from "../container/limit-watch.ts";
import type { ContainerRecord, ExitRecord } from "../container/record.ts";
import { RunRecord } from "../container/run-record.ts";
import { readRecord } from "../container/store.ts";
import { messageOf, NotFoundError } from "../core/errors.ts";
import { containerEvent } from "./attributes.ts";
import type { EventBus } from "./events.ts";
import { HealthMonitor, isChecked } from "./health.ts";
import type { ManagedContainer } from "./managed.ts";
import { runProbe } from "./probe.ts";
import { laterOn, Restarter, wasAsked } from "./restart.ts";

/**
 * What looks after one container while nobody does: starts it again by its policy, checks its health, and tells of its
 * memory, of forks that are refused, and of limits that make it wait.
 */
export class Care {
  readonly #container: ManagedContainer;
  readonly #events: EventBus;
  readonly #say: (line: string) => void;
  readonly #record: RunRecord;
  readonly #limits: LimitWatch;
  readonly #restarter: Restarter;
  readonly #health: HealthMonitor | undefined;
  #startedAt = 0;
  /** The supervisor ends. */
  #left = false;
  /** Nobody has started it since it was asked to end. */
  #held = false;

  constructor(container: ManagedContainer, events: EventBus, say: (line: string) => void) {
    this.#container = container;
    this.#events = events;
    this.#say = say;
    const { instance, id, request } = container;
    this.#record = new RunRecord(instance, id, () => container.running, say);
    this.#limits = new LimitWatch(this.#record, {
      happened: (record, { action, attributes }, line) => {
        if (line !== undefined) say(`container ${record.name}: ${line}`);
        events.emit(containerEvent(action, record, attributes));
      },
      say,
    });
    this.#restarter = new Restarter({
      policy: () => readRequest(instance, id)?.restart,
      start: (restarts) => void this.#startAgain(restarts),
      later: laterOn,
    });
    if (!isChecked(request.health)) return;
    this.#health = new HealthMonitor(request.health, {
      probe: (test, abort) => runProbe(instance, id, test, abort),
      report: (health, changed) => {
        const record = this.#record.change((now) => ({ ...now, health }));
        if (record !== undefined && changed) {
          events.emit(containerEvent(`health_status: ${health.status}`, record));
        }
      },
      now: () => Date.now(),
      later: laterOn,
    });
  }

  /** A run has begun; `adopted`: under an earlier supervisor. */
  started(record: ContainerRecord, adopted: boolean): void {
    this.#startedAt = Date.parse(record.started ?? record.created);
    if (adopted) this.resume(record);
    if (!adopted) this.#health?.start();
    else if (record.state !== "paused") this.#health?.resume(record.health, this.#startedAt);
    // Whoever started it need not wait for this.
    setImmediate(() => this.#watchLimits());
  }

  /** Its limits may have been changed. */
  updated(record: ContainerRecord): void {
    if (!this.#container.running || this.#left) return;
    this.#limits.updated(record);
  }

  /** A run is over, and it is about to be told. */
  ending(record: ContainerRecord, exit: ExitRecord): void {
    if (exit.oomKilled && !this.#limits.toldOutOfMemory) this.#events.emit(containerEvent("oom", record));
    this.#limits.ended();
  }

  /** A run is over. True when there will be another: it is `restarting` until then. */
  ended(exit: ExitRecord): boolean {
    this.#health?.stop();
    if (this.#held) return false;
    return this.#restarter.ended({
      code: exit.code,
      asked: wasAsked(exit),
      ranMs: Math.max(0, Date.parse(exit.at) - this.#startedAt),
    });
  }

  paused(): void {
    this.#health?.stop();
  }

  unpaused(): void {
    this.#health?.resume();
  }

  /** It was started again so often when an earlier supervisor kept it. */
  resume({ restartCount = 0 }: ContainerRecord): void {
    this.#restarter.resume(restartCount);
  }

  /** Somebody starts it: what was planned is off, and nothing counts that was before. */
  reset(): void {
    this.#held = false;
    this.#restarter.reset();
  }

  /** Somebody stops or removes it: also a run that is just ending by itself is not followed by another. */
  hold(): void {
    this.#held = true;
    this.#restarter.reset();
  }

  /** The supervisor ends: whatever is planned is left to the next one. */
  leave(): void {
    this.#left = true;
    this.#restarter.reset();
    this.#health?.stop();
    this.#limits.stop();
  }

  #watchLimits(): void {
    // Its limits may have been changed since its start.
    const record = this.#left ? undefined : this.#record.read();
    if (record !== undefined) this.#limits.watch(record);
  }

  async #startAgain(restarts: number): Promise<void> {
    const { instance, id } = this.#container;
    try {
      await this.#container.exclusively(async () => {
        if (this.#held || this.#left) return;
        // Somebody may have stopped it meanwhile without asking us.
        const now = readRecord(instance, id);
        if (now?.state === "exited" && wasAsked(now.exit)) return;
        changeRecord(instance, id, (record) => ({ ...record, restartCount: restarts }));
        await this.#container.start();
      });
    } catch (error) {
      if (error instanceof NotFoundError) return;
      this.#say(`container ${id.slice(0, 12)}: cannot be started again: ${messageOf(error)}`);
      this.#failed();
    }
  }

  /** It could not be started, and perhaps can the next time. */
  #failed(): void {
    if (!this.ended({ code: 128, at: new Date().toISOString(), oomKilled: false })) return;
    const { instance, id } = this.#container;
    try {
      changeRecord(instance, id, (record) => ({ ...record, state: "restarting" }));
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
    }
  }
}
