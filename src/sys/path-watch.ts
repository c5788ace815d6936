import { watch } from "node:fs";
import { hasErrno } from "../core/errors.ts";

/** How often it is looked where the kernel cannot tell. */
const lookMs = 2_000;

/** `persistent`: keeps the process alive meanwhile. */
export interface PathWatch {
  readonly persistent: boolean;
}

/**
 * Calls `look` when something about the file or directory `path` changes, with the name in the directory where that is
 * known: by inotify(7). A user has 128 instances of it and programs that use them up, so where none is left `look` is
 * called every two seconds. The answer ends it.
 * @throws ENOENT as `fs.watch` does, when nothing is there.
 */
export function watchPath(
  path: string,
  look: (name: string | undefined) => void,
  { persistent }: PathWatch,
): () => void {
  try {
    const watcher = watch(path, { persistent }, (_event, name) => look(name ?? undefined));
    // It has been removed.
    watcher.on("error", () => {
      watcher.close();
      look(undefined);
    });
    return () => watcher.close();
  } catch (error) {
    // No instance, or no watch.
    if (!hasErrno(error, "EMFILE", "ENOSPC")) throw error;
    const timer = setInterval(() => look(undefined), lookMs);
    if (!persistent) timer.unref();
    return () => clearInterval(timer);
  }
}
