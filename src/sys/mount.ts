import { call } from "./call.ts";

const MS_BIND = 0x1000;

/** mount(2): what is at `source` appears at `target` too, in this process's mount namespace. @throws SyscallError */
export function bindMount(source: string, target: string): void {
  call(
    "int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data)",
    [source, target, null, MS_BIND, null],
    { call: "mount", subject: `${source} on ${target}` },
  );
}
