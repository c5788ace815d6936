// @vm
import { expect, test } from "vitest";
import { sharedHost } from "../../harness/shared-host.ts";

const { host } = sharedHost();

test.each([
  [[], "2"],
  [["--security-opt", "seccomp=unconfined"], "0"],
  [["--privileged"], "0"],
  [["--user", "1000"], "2"],
])("pid 1 has a filter of its own: run %j", async (flags, command) => {
  // Pid 1 confines itself while the command is on its way already.
  const script = `until grep -q '^Seccomp:.2' /proc/1/status; do sleep 0.05; done
grep -h ^Seccomp: /proc/1/status /proc/self/status; grep ^NoNewPrivs /proc/1/status`;
  const { code, stdout } = await host().mdocker([
    ...["run", "--net", "none", ...flags],
    ...["/bin/sh", "-c", script],
  ]);
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: `Seccomp:\t2\nSeccomp:\t${command}\nNoNewPrivs:\t1\n`,
  });
});

test("it still reaps, passes signals on and ends as the command does", async () => {
  const script = `
trap 'echo got; exit 7' TERM
(sleep 0.1 & exec true) & wait
echo up
until test "$(cat /proc/[0-9]*/stat 2> /dev/null | grep -c ' Z ')" = 0; do sleep 0.05; done
echo reaped
while :; do sleep 0.05; done`;
  const running = host().start(["run", "--net", "none", "/bin/sh", "-c", script]);
  await running.says(/^reaped$/m);
  running.child.kill("SIGTERM");
  const { code, stdout } = await running.ended;
  expect({ code, stdout }).toEqual({ code: 7, stdout: "up\nreaped\ngot\n" });
});
