import type { ExitRecord } from "../container/record.ts";
import type { RestartRequest } from "../container/request.ts";

/** docker's figures: from 100 ms, doubling up to a minute; a run of ten seconds is a good one. */
const firstDelayMs = 100;
const longestDelayMs = 60_000;
const goodRunMs = 10_000;

/** What of a run that is over decides whether there is another. */
export interface EndedRun {
  readonly code: number;
  /** Somebody asked it to end. */
  readonly asked: boolean;
  readonly ranMs: number;
}

/** What is remembered between the runs of one container. */
export interface RestartState {
  /** The last delay; 0 before the first. */
  readonly delayMs: number;
  /** How often it has been started again since somebody started it. */
  readonly restarts: number;
}

export const freshRestarts: RestartState = { delayMs: 0, restarts: 0 };

/** True when somebody asked for the end that this record tells of. */
export function wasAsked(exit: ExitRecord | undefined): boolean {
  return exit?.reason === "stopped" || exit?.reason === "killed";
}

/** Whether a container that has ended is started again, and after how long. Pure. */
export function nextRestart(
  { policy, maximumRetries }: RestartRequest,
  { delayMs, restarts }: RestartState,
  { code, asked, ranMs }: EndedRun,
): RestartState | undefined {
  if (policy === "no" || asked) return undefined;
  const tired = maximumRetries > 0 && restarts >= maximumRetries;
  if (policy === "on-failure" && (code === 0 || tired)) return undefined;
  const before = ranMs >= goodRunMs ? 0 : delayMs;
  const next = before === 0 ? firstDelayMs : Math.min(before * 2, longestDelayMs);
  return { delayMs: next, restarts: restarts + 1 };
}

/**
 * Whether a supervisor that has just begun starts a container which does not run: `always` also one that was stopped,
 * `unless-stopped` not, unless that was the end of an earlier supervisor, and none of them one that was never started.
 */
export function startsWithSupervisor(
  { policy, maximumRetries }: RestartRequest,
  exit: ExitRecord | undefined,
  restarts: number,
): boolean {
  if (exit === undefined) return false;
  const wasStopped = wasAsked(exit) && exit.shutdown !== true;
  switch (policy) {
    case "always":
      return true;
    case "unless-stopped":
      return !wasStopped;
    case "on-failure":
      return !wasStopped && exit.code !== 0 && (maximumRetries === 0 || restarts < maximumRetries);
    case "no":
      return false;
    default:
      return policy satisfies never;
  }
}

/** What a {@link Restarter} acts by. */
export interface RestartActions {
  /** The policy as it is now: it may be updated. */
  readonly policy: () => RestartRequest | undefined;
  /** Starts the container again; what fails is its own to tell. */
  readonly start: (restarts: number) => void;
  /** Calls `act` after `ms`; the answer takes that back. */
  readonly later: (act: () => void, ms: number) => () => void;
}

/** Starts one container again after its ends, by its policy. */
export class Restarter {
  readonly #actions: RestartActions;
  #state = freshRestarts;
  #cancel: (() => void) | undefined;

  constructor(actions: RestartActions) {
    this.#actions = actions;
  }

  /** A run is over. True when there will be another. */
  ended(run: EndedRun): boolean {
    this.#cancel?.();
    this.#cancel = undefined;
    const policy = this.#actions.policy();
    const next = policy === undefined ? undefined : nextRestart(policy, this.#state, run);
    if (next === undefined) return false;
    this.#state = next;
    this.#cancel = this.#actions.later(() => {
      this.#cancel = undefined;
      this.#actions.start(next.restarts);
    }, next.delayMs);
    return true;
  }

  /** Begins with so many restarts. */
  resume(restarts: number): void {
    this.#state = { delayMs: 0, restarts };
  }

  /** Somebody stops, removes or starts it: what was planned is off, and all begins anew. */
  reset(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#state = freshRestarts;
  }
}

/** Calls `act` after `ms` of real time. */
export function laterOn(act: () => void, ms: number): () => void {
  const timer = setTimeout(act, ms);
  return () => clearTimeout(timer);
}
