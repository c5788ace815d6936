import { closeSync, writeSync } from "node:fs";
import { hasErrno } from "../core/errors.ts";
import { call } from "./call.ts";

const MFD_CLOEXEC = 0x1;
const MFD_ALLOW_SEALING = 0x2;
const MFD_EXEC = 0x10;
const F_ADD_SEALS = 1033;
/** F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE: nobody can change the bytes any more. */
const SEAL_ALL = 0xf;

function create(name: string, flags: number): number {
  return call("int memfd_create(const char *name, unsigned int flags)", [name, flags], {
    call: "memfd_create",
    subject: name,
  });
}

/**
 * An anonymous file with these bytes, sealed against any change (memfd_create(2), F_ADD_SEALS). Close-on-exec.
 * `executable` asks for MFD_EXEC, which kernels before 6.3 do not know and do not need.
 */
export function sealedMemfd(name: string, bytes: Uint8Array, executable: boolean): number {
  const flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  let fd: number;
  try {
    fd = create(name, executable ? flags | MFD_EXEC : flags);
  } catch (error) {
    if (!hasErrno(error, "EINVAL")) throw error;
    fd = create(name, flags);
  }
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    call("int fcntl(int fd, int cmd, int arg)", [fd, F_ADD_SEALS, SEAL_ALL], {
      call: "fcntl F_ADD_SEALS",
      subject: name,
    });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return fd;
}
