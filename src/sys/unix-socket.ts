import { closeSync } from "node:fs";
import { call } from "./call.ts";

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;

/** struct sockaddr_un: family u16@0 · path @2, at most 107 bytes and a zero byte. */
function unixAddress(path: string): Buffer {
  const address = Buffer.alloc(110);
  address.writeUInt16LE(AF_UNIX, 0);
  address.write(path, 2, 107);
  return address;
}

/** Connects to the unix stream socket at `path`; close-on-exec. @throws SyscallError ECONNREFUSED when nobody listens */
export function connectUnix(path: string): number {
  const fd = call(
    "int socket(int domain, int type, int protocol)",
    [AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0],
    {
      call: "socket",
    },
  );
  const address = unixAddress(path);
  try {
    call("int connect(int fd, void *address, unsigned int size)", [fd, address, address.length], {
      call: "connect",
      subject: path,
    });
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
