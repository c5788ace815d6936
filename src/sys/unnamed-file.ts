import { closeSync, constants, openSync, renameSync, unlinkSync } from "node:fs";
import { basename, dirname } from "node:path";
import { hasErrno } from "../core/errors.ts";
import { call } from "./call.ts";

const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;
const AT_FDCWD = -100;
const AT_SYMLINK_FOLLOW = 0x400;

let serial = 0;

/**
 * A file that is being written and gets its name when it is complete: whoever is killed before leaves nothing (O_TMPFILE
 * of open(2)); on a filesystem without such files a temporary one beside it.
 */
export class UnnamedFile {
  readonly fd: number;
  readonly #path: string;
  readonly #temporary: string;
  #named: boolean;

  /** @throws Node's error when the directory of `path` is not there or cannot be written to. */
  constructor(path: string, mode: number) {
    this.#path = path;
    this.#temporary = `${dirname(path)}/.${basename(path)}.${process.pid}.${++serial}.tmp`;
    const flags = constants.O_WRONLY;
    try {
      this.fd = openSync(dirname(path), flags | O_TMPFILE, mode);
      this.#named = false;
    } catch (error) {
      if (!hasErrno(error, "EOPNOTSUPP", "ENOTSUP", "EISDIR", "EINVAL")) throw error;
      this.fd = openSync(this.#temporary, flags | constants.O_CREAT | constants.O_EXCL, mode);
      this.#named = true;
    }
  }

  /** Gives it its name; what had the name before is replaced. */
  publish(): void {
    if (!this.#named) {
      call(
        "int linkat(int olddir, const char *oldpath, int newdir, const char *newpath, int flags)",
        [AT_FDCWD, `/proc/self/fd/${this.fd}`, AT_FDCWD, this.#temporary, AT_SYMLINK_FOLLOW],
        { call: "linkat", subject: this.#path },
      );
      this.#named = true;
    }
    renameSync(this.#temporary, this.#path);
    this.#named = false;
  }

  /** Closes it; one that was not published is gone. */
  close(): void {
    closeSync(this.fd);
    if (this.#named) unlinkSync(this.#temporary);
  }
}
