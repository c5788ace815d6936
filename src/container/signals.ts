import { signalProcess } from "../sys/pidfd.ts";
import type { ProcessIdentity } from "../sys/process.ts";

/** Signals that the container gets when we get them; SIGWINCH and SIGCONT belong to the terminal relay. */
const forwarded = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGALRM: 14,
  SIGTERM: 15,
} as const;
const SIGKILL = 9;
type Forwarded = keyof typeof forwarded;

/** The exit code of a run that this signal has ended, as a shell shows it. */
export function signalCode(name: Forwarded): number {
  return 128 + forwarded[name];
}

/** So many requests to end, and the container is killed: whoever repeats himself means it. */
const patience = 3;
/** After the terminal is gone nobody can ask again: the container has so long to end by itself. */
const hangupGraceMs = 10_000;

/** Our signals, for as long as there is something to take back. */
export interface Signals {
  /** Those that came while there was nobody to forward them to. */
  readonly caught: readonly Forwarded[];
  /**
   * Forwards them to the container's pid 1, which passes them to the command. A third SIGINT or SIGTERM, or ten seconds
   * after SIGHUP, becomes SIGKILL. With undefined they are only caught again.
   */
  readonly forwardTo: (init: ProcessIdentity | undefined) => void;
  /** The user's terminal, or whoever read the output, is gone: like SIGHUP, unless that has come already. */
  readonly hangUp: () => void;
  /** They have their default action again. */
  readonly release: () => void;
}

/** Catches the signals that would end this process, so that it can take everything back first. */
export function catchSignals(): Signals {
  const caught: Forwarded[] = [];
  let target: ProcessIdentity | undefined;
  let requests = 0;
  let grace: NodeJS.Timeout | undefined;
  const forward = (name: Forwarded, init: ProcessIdentity): void => {
    if (name === "SIGINT" || name === "SIGTERM") requests += 1;
    signalProcess(init, requests >= patience ? SIGKILL : forwarded[name]);
    if (name === "SIGHUP") grace ??= setTimeout(() => signalProcess(init, SIGKILL), hangupGraceMs);
  };
  const handlers = (Object.keys(forwarded) as Forwarded[]).map((name) => {
    const handler = (): void => {
      if (target === undefined) caught.push(name);
      else forward(name, target);
    };
    process.on(name, handler);
    return { name, handler };
  });
  return {
    caught,
    forwardTo: (init) => {
      target = init;
      clearTimeout(grace);
      if (init !== undefined) for (const name of caught.splice(0)) forward(name, init);
    },
    hangUp: () => {
      if (grace === undefined && target !== undefined) forward("SIGHUP", target);
    },
    release: () => {
      for (const { name, handler } of handlers) process.off(name, handler);
    },
  };
}
