import { monotonicMs } from "../core/clock.ts";

let wall = 0;
let mono = 0;

/**
 * The time in milliseconds since 1970, with a fraction. The clock that follows the host's time tells whole milliseconds:
 * the other one fills them in, and is set right whenever the two disagree.
 */
function preciseNow(): number {
  const [now, ticks] = [Date.now(), monotonicMs()];
  const precise = wall + (ticks - mono);
  if (precise >= now && precise < now + 1) return precise;
  [wall, mono] = [now, ticks];
  return now;
}

/** The present time as RFC 3339 with up to nine digits and no zeros at the end, as Go's RFC3339Nano. */
export function stampNow(): string {
  const precise = preciseNow();
  const whole = Math.floor(precise);
  // In a float of today's milliseconds a quarter of a microsecond is left: no more digits than mean something.
  const micros = Math.min(999, Math.floor((precise - whole) * 1000));
  const text = `${new Date(whole).toISOString().slice(0, -1)}${String(micros).padStart(3, "0")}`;
  return `${text.replace(/\.?0+$/, "")}Z`;
}
