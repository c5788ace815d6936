import type { Instance } from "../../core/paths.ts";

/** `info` is about something that only some commands need. */
export type Level = "ok" | "info" | "warn" | "FAIL";

/** What one check found, in one line, and how to mend it where it is not ok. */
export interface Finding {
  readonly level: Level;
  readonly found: string;
  readonly mend?: string;
}

/** Where the checks look. */
export interface Ground {
  readonly instance: Instance;
  readonly env: NodeJS.ProcessEnv;
  /** Effective user id. */
  readonly uid: number;
  /** The text of a file, or undefined when it cannot be read. */
  readonly readText: (path: string) => string | undefined;
  readonly exists: (path: string) => boolean;
}

/** One check of this host; it changes nothing. What it throws counts as FAIL with the message. */
export interface Check {
  readonly name: string;
  readonly look: (ground: Ground) => Finding | Promise<Finding>;
}

export const ok = (found: string): Finding => ({ level: "ok", found });
export const info = (found: string, mend?: string): Finding =>
  mend === undefined ? { level: "info", found } : { level: "info", found, mend };
export const warn = (found: string, mend: string): Finding => ({ level: "warn", found, mend });
export const fail = (found: string, mend: string): Finding => ({ level: "FAIL", found, mend });
