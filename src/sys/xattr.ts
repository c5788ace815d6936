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
