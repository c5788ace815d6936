import { call } from "./call.ts";

const F_GETFD = 1;
const F_SETFD = 2;
const FD_CLOEXEC = 1;

/** Lets a descriptor go over to the program of {@link becomeProgram}: Node has marked all to be closed. */
export function passOn(fd: number): void {
  const prototype = "int fcntl(int fd, int cmd, int arg)";
  const failure = { call: "fcntl", subject: `descriptor ${fd}` };
  const flags = call(prototype, [fd, F_GETFD, 0], failure);
  call(prototype, [fd, F_SETFD, flags & ~FD_CLOEXEC], failure);
}

/** execve(2): this process becomes another program, with the same pid. Returns only by throwing. */
export function becomeProgram(path: string, argv: readonly string[], env: NodeJS.ProcessEnv): never {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  call(
    "int execve(const char *path, const char **argv, const char **envp)",
    [path, [...argv, null], [...variables, null]],
    { call: "execve", subject: path },
  );
  throw new Error("execve returned");
}
