/** How often all that is looked at is looked at: what the kernel counts, but tells nobody of. */
const lookMs = 2_000;

const looks = new Set<() => void>();
let timer: NodeJS.Timeout | undefined;

/** Calls `look` every two seconds, together with all others: one timer, and none while nobody looks. The answer ends it. */
export function lookNowAndThen(look: () => void): () => void {
  looks.add(look);
  timer ??= setInterval(() => {
    for (const one of looks) one();
  }, lookMs).unref();
  return () => {
    looks.delete(look);
    if (looks.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}
