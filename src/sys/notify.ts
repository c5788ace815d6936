import { closeSync } from "node:fs";
import { call } from "./call.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;

/**
 * Tells systemd of our state (sd_notify(3)): `READY=1`, `STOPPING=1`. `socket` is NOTIFY_SOCKET of the environment: a
 * path, or `@` and a name of the abstract namespace.
 */
export function notifySystemd(socket: string, state: string): void {
  // struct sockaddr_un: family u16@0 · path @2, at most 108 bytes
  const name = Buffer.from(socket.replace(/^@/, "\0"));
  const address = Buffer.alloc(2 + name.length);
  address.writeUInt16LE(AF_UNIX, 0);
  name.copy(address, 2);
  const fd = call("int socket(int domain, int type, int protocol)", [AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0], {
    call: "socket",
  });
  try {
    const text = Buffer.from(state);
    call(
      "long sendto(int fd, void *data, size_t length, int flags, void *address, unsigned int size)",
      [fd, text, text.length, MSG_NOSIGNAL, address, address.length],
      { call: "sendto", subject: socket },
    );
  } finally {
    closeSync(fd);
  }
}
