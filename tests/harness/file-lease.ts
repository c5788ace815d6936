import { closeSync, openSync } from "node:fs";
import { call } from "../../src/sys/call.ts";

const F_SETSIG = 10;
const F_SETLEASE = 1024;
const F_WRLCK = 1;
/** Ignored unless caught: we are told of whoever wants the file, and do nothing. */
const SIGURG = 23;

/**
 * Keeps others from opening a file until the answer is called, up to fs.lease-break-time (45 s): to execve(2) it is what
 * a server is that does not answer. Nobody may have it open yet.
 */
export function holdFile(path: string): () => void {
  const fd = openSync(path, "r");
  const fcntl = (command: number, argument: number): void => {
    call("int fcntl(int fd, int cmd, int arg)", [fd, command, argument], { call: "fcntl", subject: path });
  };
  fcntl(F_SETSIG, SIGURG);
  fcntl(F_SETLEASE, F_WRLCK);
  return () => closeSync(fd);
}
