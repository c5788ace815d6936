import { Transform, type Writable } from "node:stream";
import { DetachKeys } from "../../core/detach-keys.ts";

/** `stdin` behind a look at what is typed: at the detach keys `detach` is called, and nothing more is passed on. */
export function watchKeys(stdin: Writable, keys: Buffer, detach: () => void): Writable {
  const scanner = new DetachKeys(keys);
  const watch = new Transform({
    transform: (typed: Buffer, _encoding, done) => {
      const { pass, detached } = scanner.take(typed);
      if (detached) detach();
      done(null, pass);
    },
  });
  stdin.once("close", () => watch.destroy());
  stdin.once("error", () => watch.destroy());
  watch.pipe(stdin);
  return watch;
}
