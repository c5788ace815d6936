import { expect, test } from "vitest";
import { parseSeccompRecord } from "../../../src/sys/seccomp-log.ts";

const start = "audit(1795440697.815:126): auid=4294967295 uid=0 gid=0 ses=4294967295 pid=4732";
const end = "sig=0 arch=c000003e syscall=79 compat=0 ip=0x7fe24ac2ecce code=";

test.each([
  ["0x7ffc0000", "logged"],
  ["0x50001", "refused"],
  ["0x80000000", "killed"],
  ["0x0", "killed"],
  ["0x30000", "trapped"],
] as const)("%s is %s", (code, action) => {
  expect(parseSeccompRecord(`${start} comm="sh" exe="/usr/bin/dash" ${end}${code}`)).toEqual({
    pid: 4732,
    arch: 0xc000003e,
    syscall: 79,
    action,
  });
});

test("what a process calls itself says nothing", () => {
  const lie = "pid=1 arch=1 syscall=1 compat=0 ip=0x0 code=0x0";
  expect(parseSeccompRecord(`${start} comm=${lie} exe="/x" ${end}0x7ffc0000`)).toMatchObject({
    pid: 4732,
    syscall: 79,
    action: "logged",
  });
  for (const text of ["", "audit(1:2): ", `${start} comm="x" ${end}`, `${start} ${end}0x7fff0000`])
    expect(parseSeccompRecord(text)).toBeUndefined();
});
