import { constants } from "node:os";
import { UsageError } from "./errors.ts";
import { nearest } from "./nearest.ts";

/** The first and the last real-time signal that programs may use (signal(7), glibc). */
const realTimeMin = 34;
const realTimeMax = 64;

/** `9`, `KILL`, `SIGKILL`, `RTMIN+3` as a number from 1 to 64. @throws UsageError */
export function parseSignal(text: string, what: string): number {
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    if (number >= 1 && number <= realTimeMax) return number;
    throw new UsageError(`${what}: ${text}: expected a signal from 1 to ${realTimeMax}, or its name`);
  }
  const name = text.toUpperCase().replace(/^SIG/, "");
  const [, end, offset] = /^RT(MIN|MAX)([+-]\d+)?$/.exec(name) ?? [];
  if (end !== undefined) {
    const number = (end === "MIN" ? realTimeMin : realTimeMax) + Number(offset ?? 0);
    if (number >= realTimeMin && number <= realTimeMax) return number;
  }
  const known = constants.signals as Readonly<Record<string, number>>;
  const number = Object.hasOwn(known, `SIG${name}`) ? known[`SIG${name}`] : undefined;
  if (number !== undefined) return number;
  const near = nearest(`SIG${name}`, Object.keys(known));
  const hint =
    near === undefined ? "expected a name such as TERM, or a number" : `did you mean ${near.slice(3)}?`;
  throw new UsageError(`${what}: ${JSON.stringify(text)}: ${hint}`);
}
