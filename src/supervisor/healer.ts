import type { HealReport } from "../../net/heal/heal.ts";
import type { Mend } from "../../net/heal/mend.ts";
import { Known } from "../../net/heal/notice.ts";
import { NetworkWatch } from "../../net/heal/watch.ts";
import { detectBackend } from "../../net/iptables.ts";
import { readGeneration } from "../../net/netlink/nftables.ts";
import { heal } from "../container/heal.ts";
import { healedOf } from "../container/healed.ts";
import { monotonicMs } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import type { EventBus } from "./events.ts";
import { Fights } from "./fights.ts";
import { tellHealed } from "./heal-events.ts";

/**
 * Milliseconds. `settle`: from a notice until it is read, as changes come in groups; `unconcerned`: the same while others
 * change what is not ours; `soon`: to a look at what is new;
 * `apart`: between two looks at least; `busy`: until it is tried again while others change networks; `slow`: between two
 * looks that nothing gives cause to, for what the kernel does not tell.
 */
const pause = {
  settle: 100,
  unconcerned: 1_000,
  soon: 3_000,
  apart: 1_000,
  busy: 200,
  slow: 30_000,
} as const;

/** Keeps the networks in the kernel as they shall be while a supervisor runs. Ask `MDOCKER_HEAL=off` for none of it. */
export class Healer {
  readonly #instance: Instance;
  readonly #events: EventBus;
  readonly #say: (line: string) => void;
  readonly #fights = new Fights();
  /** What could not be mended and was said already. */
  #told = new Set<string>();
  #watch: NetworkWatch | undefined;
  #known: Known;
  /** Of the nftables rules that were found to be right; undefined: not known, or never told. */
  #generation: number | undefined;
  #legacy: boolean | undefined;
  #timer: NodeJS.Timeout | undefined;
  #due = 0;
  #last = 0;
  #settle: number = pause.settle;
  /** When the next look is due, whatever is done before it. */
  #lookDue = 0;

  constructor(instance: Instance, events: EventBus, say: (line: string) => void) {
    this.#instance = instance;
    this.#events = events;
    this.#say = say;
    this.#known = new Known(instance.prefix, [], undefined);
  }

  /** Looks now, and whenever something has changed from now on. */
  begin(): void {
    try {
      this.#watch = new NetworkWatch();
    } catch (error) {
      this.#say(
        `networks: changes are not told here, and looked for every ${pause.slow / 1000} s: ${messageOf(error)}`,
      );
    }
    this.#look();
  }

  /** Ends it. */
  leave(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
  }

  #arm(): void {
    this.#watch?.arm(() => this.#at(this.#settle, () => this.#read()));
  }

  /** Does something in so many milliseconds, or when what is planned already comes first. */
  #at(ms: number, act: () => void): void {
    const now = monotonicMs();
    const due = now + ms;
    if (this.#timer !== undefined && this.#due <= due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      act();
    }, ms);
    this.#timer.unref();
  }

  /** What the notices say decides about the next look. */
  #read(): void {
    const watch = this.#watch;
    if (watch === undefined) return;
    const { urgency, generation, lost } = watch.read(this.#known);
    this.#arm();
    const rules = generation !== undefined && generation !== this.#generation;
    if (lost) this.#generation = undefined;
    const now = lost || rules || urgency === "now";
    this.#settle = now || urgency === "soon" ? pause.settle : pause.unconcerned;
    const moment = monotonicMs();
    if (now) this.#lookDue = this.#last + pause.apart;
    else if (urgency === "soon") this.#lookDue = Math.min(this.#lookDue, moment + pause.soon);
    this.#at(Math.max(0, this.#lookDue - moment), () => this.#look());
  }

  /** Looks at everything, and comes again after a while. */
  #look(): void {
    let next: number = pause.slow;
    // What changes from now on gives cause to another look.
    this.#watch?.disarm();
    if (this.#watch?.read(this.#known).lost === true) this.#generation = undefined;
    this.#arm();
    try {
      if (!this.#heal()) next = pause.busy;
    } catch (error) {
      this.#tellOnce("look", `networks: cannot be looked at: ${messageOf(error)}`);
    }
    this.#last = monotonicMs();
    this.#lookDue = this.#last + next;
    this.#at(next, () => this.#look());
  }

  /** The generation of rules that the next look is about; undefined where the kernel does not tell. */
  #nextGeneration(): number | undefined {
    this.#legacy ??= detectBackend().name === "legacy";
    try {
      return this.#legacy ? undefined : readGeneration();
    } catch {
      this.#legacy = true;
      return undefined;
    }
  }

  /** False when others change networks at this moment. */
  #heal(): boolean {
    const now = monotonicMs();
    let generation: number | undefined;
    const report = heal(this.#instance, {
      wait: false,
      except: (key) => this.#fights.rests(key, now),
      rules: () => {
        generation = this.#nextGeneration();
        return generation === undefined || generation !== this.#generation;
      },
    });
    if (report === undefined) return false;
    this.#generation = generation;
    this.#known = new Known(this.#instance.prefix, report.links, report.actual);
    this.#tell(report, now);
    return true;
  }

  #tell({ mended, failed }: HealReport, now: number): void {
    const shown = mended.filter(({ faults }) => faults.length > 0);
    for (const { network, faults, key } of shown) {
      for (const fault of faults) this.#say(`network ${network ?? "*"}: ${fault}: mended`);
      const ms = this.#fights.mended(key, now);
      if (ms === undefined) continue;
      this.#say(
        `network ${network ?? "*"}: ${faults.join("; ")}: somebody undoes it again and again: left alone for ${ms / 1000} s`,
      );
    }
    for (const { mend, why } of failed)
      this.#tellOnce(mend.key, `network ${mend.network ?? "*"}: ${said(mend)}: ${why}`);
    const wrong = new Set(failed.map(({ mend }) => mend.key));
    this.#told = new Set([...this.#told].filter((key) => wrong.has(key)));
    if (shown.length === 0) return;
    tellHealed(this.#instance, this.#events, "heal", shown.map(healedOf)).catch((error: unknown) =>
      this.#say(messageOf(error)),
    );
  }

  #tellOnce(key: string, line: string): void {
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#say(line);
  }
}

function said({ faults }: Mend): string {
  return faults.join("; ");
}

/** Whether networks are to be healed: MDOCKER_HEAL says `off` where faults are to stay, as for lessons. */
export function healingWanted(env: NodeJS.ProcessEnv): boolean {
  return !/^(off|0|no|false)$/i.test(env["MDOCKER_HEAL"] ?? "");
}
