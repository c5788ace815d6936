import type { HealthRecord } from "../container/record.ts";
import type { HealthRequest } from "../container/request.ts";
import { messageOf } from "../core/errors.ts";

/** docker's: so much of a probe's output is kept, and so many probes. */
const outputBytes = 4096;
const keptProbes = 5;

/** What one probe came to. */
export interface ProbeResult {
  readonly exitCode: number;
  readonly output: Buffer;
}

/** What a {@link HealthMonitor} acts by. */
export interface HealthActions {
  /**
   * Runs the test in the container. When `abort` comes (its time is up, or the container has ended) it kills what it has
   * started and resolves or rejects soon. Undefined: it cannot be asked now, which counts as nothing.
   */
  readonly probe: (test: readonly string[], abort: AbortSignal) => Promise<ProbeResult | undefined>;
  /** Takes what was found down; `changed`: the status is another than before, which is an event. */
  readonly report: (health: HealthRecord, changed: boolean) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Calls `act` after `ms`; the answer takes that back. */
  readonly later: (act: () => void, ms: number) => () => void;
}

/** True for a request that asks for probes. */
export function isChecked(request: HealthRequest | undefined): request is HealthRequest {
  return request !== undefined && request.test.length > 0 && request.test[0] !== "NONE";
}

/** What one more probe makes of what was known. `inStartPeriod`: failures do not count yet. Pure. */
export function judge(
  before: HealthRecord,
  probe: HealthRecord["log"][number],
  { retries, inStartPeriod }: { readonly retries: number; readonly inStartPeriod: boolean },
): HealthRecord {
  const log = [...before.log, probe].slice(-keptProbes);
  if (probe.exitCode === 0) return { status: "healthy", failingStreak: 0, log };
  // Once it has been healthy it has started.
  if (inStartPeriod && before.status === "starting") return { ...before, log };
  const failingStreak = before.failingStreak + 1;
  return { status: failingStreak >= retries ? "unhealthy" : before.status, failingStreak, log };
}

function textOf(output: Buffer): string {
  const cut = output.length > outputBytes ? output.subarray(0, outputBytes) : output;
  return new TextDecoder().decode(cut);
}

/** Probes one container for as long as it runs: an interval after each probe, the next. */
export class HealthMonitor {
  readonly #request: HealthRequest;
  readonly #actions: HealthActions;
  #health: HealthRecord = { status: "starting", failingStreak: 0, log: [] };
  #cancel: (() => void) | undefined;
  #abort: AbortController | undefined;
  #began = 0;

  constructor(request: HealthRequest, actions: HealthActions) {
    this.#request = request;
    this.#actions = actions;
  }

  get health(): HealthRecord {
    return this.#health;
  }

  /** The container has been started: nothing is known of it. */
  start(): void {
    this.stop();
    this.#health = { status: "starting", failingStreak: 0, log: [] };
    this.#began = this.#actions.now();
    this.#actions.report(this.#health, false);
    this.#plan();
  }

  /** Goes on with what is known: after a pause, or by a new supervisor. `began`: milliseconds since 1970 of its start. */
  resume(health: HealthRecord = this.#health, began: number = this.#began): void {
    this.stop();
    this.#health = health;
    this.#began = began;
    this.#plan();
  }

  /** No more probes: the container has ended, or is paused. One that is under way is given up, and does not count. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#abort?.abort();
    this.#abort = undefined;
  }

  #plan(): void {
    this.#abort = undefined;
    this.#cancel = this.#actions.later(() => {
      this.#cancel = undefined;
      void this.#probe();
    }, this.#request.intervalMs);
  }

  async #probe(): Promise<void> {
    const { probe, now, later, report } = this.#actions;
    const { test, timeoutMs, retries, startPeriodMs } = this.#request;
    const abort = new AbortController();
    this.#abort = abort;
    const start = now();
    let late = false;
    const cancel = later(() => {
      late = true;
      abort.abort();
    }, timeoutMs);
    let result: ProbeResult | undefined;
    try {
      result = await probe(test, abort.signal);
    } catch (error) {
      result = { exitCode: -1, output: Buffer.from(messageOf(error)) };
    }
    cancel();
    // Given up from outside.
    if (this.#abort !== abort) return;
    if (result === undefined) {
      this.#plan();
      return;
    }
    if (late) {
      const note = `Health check exceeded timeout (${timeoutMs / 1000}s)`;
      const said = result.output.length === 0 ? note : `${note}: ${textOf(result.output)}`;
      result = { exitCode: -1, output: Buffer.from(said) };
    }
    const before = this.#health;
    const found = {
      start: new Date(start).toISOString(),
      end: new Date(now()).toISOString(),
      exitCode: result.exitCode,
      output: textOf(result.output),
    };
    this.#health = judge(before, found, { retries, inStartPeriod: now() - this.#began < startPeriodMs });
    report(this.#health, this.#health.status !== before.status);
    // The report may have ended it all.
    if (this.#abort === abort) this.#plan();
  }
}
