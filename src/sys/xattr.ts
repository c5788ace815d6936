import { hasErrno } from "../core/errors.ts";
import { pathText, type RawPath } from "../core/raw-path.ts";
import { call } from "./call.ts";

const prototype = "long lgetxattr(const void *path, const char *name, _Out_ void *value, size_t size)";

/** An extended attribute of `path` itself (lgetxattr(2)), up to 256 bytes; undefined when it has none. */
export function getXattr(path: RawPath, name: string): string | undefined {
  const value = Buffer.alloc(256);
  const terminated = Buffer.from(`${path}\0`, "latin1");
  try {
    const size = call(prototype, [terminated, name, value, value.length], {
      call: "lgetxattr",
      subject: pathText(path),
    });
    return value.toString("latin1", 0, size);
  } catch (error) {
    if (hasErrno(error, "ENODATA", "EOPNOTSUPP", "ENOTSUP", "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}

/** The path by which attributes of an open file are reached, also of one opened with O_PATH. */
function opened(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

/** An extended attribute of an open file (getxattr(2)), up to 64 KiB; undefined when it has none. */
export function getAttribute(fd: number, name: string): Buffer | undefined {
  const value = Buffer.alloc(65536);
  try {
    const size = call(
      "long getxattr(const char *path, const char *name, _Out_ void *value, size_t size)",
      [opened(fd), name, value, value.length],
      { call: "getxattr", subject: name },
    );
    return Buffer.from(value.subarray(0, size));
  } catch (error) {
    if (hasErrno(error, "ENODATA", "EOPNOTSUPP", "ENOTSUP", "ENOENT")) return undefined;
    throw error;
  }
}

/** Sets an extended attribute of an open file (setxattr(2)). @throws SyscallError */
export function setAttribute(fd: number, name: string, value: Buffer): void {
  call(
    "int setxattr(const char *path, const char *name, const void *value, size_t size, int flags)",
    [opened(fd), name, value, value.length, 0],
    { call: "setxattr", subject: name },
  );
}
