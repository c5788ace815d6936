// @vm
import { expect, test } from "vitest";
import { sharedHost } from "../../harness/shared-host.ts";

const { host } = sharedHost();

const sh = (flags: readonly string[], script: string) =>
  host().mdocker(["run", "--net", "none", ...flags, "/bin/sh", "-c", script]);

test("--device brings a node with just the access asked for", async () => {
  const look =
    "head -c 3 /dev/own | wc -c; echo x > /dev/own && echo written; mknod /tmp/n c 1 5 || echo no node";
  // /dev/zero is allowed by default under its own number, so a device that is not: the kernel's message buffer.
  const kmsg =
    "stat -c %t:%T /dev/log/k; dd if=/dev/log/k bs=8192 count=1 2>/dev/null | wc -l; echo x > /dev/log/k && echo written";
  const { stdout } = await sh(["--device", "/dev/zero:/dev/own"], look);
  expect(stdout).toBe("3\nwritten\nno node\n");
  const read = await sh(["--cap-add", "SYSLOG", "--device", "/dev/kmsg:/dev/log/k:r"], kmsg);
  expect(read.stdout).toBe("1:b\n1\n");
  expect(read.stderr).toContain("Operation not permitted");
  const none = await sh(["--cap-add", "MKNOD"], "mknod /tmp/k c 1 11; ls /tmp/k 2>/dev/null");
  expect(none.stdout).toBe("");
});

test("--device-cgroup-rule allows what a node made inside leads to", async () => {
  const script = "mknod /tmp/k c 1 11 && dd if=/tmp/k bs=8192 count=1 2>/dev/null | wc -l";
  const { stdout, stderr } = await sh(
    [...["--cap-add", "MKNOD", "--cap-add", "SYSLOG"], "--device-cgroup-rule", "c 1:11 rm"],
    script,
  );
  expect({ stdout, stderr }).toEqual({ stdout: "1\n", stderr: "" });
});

test("--privileged has the host's devices, a writable /sys and nothing masked", async () => {
  const script =
    "for d in null kmsg; do stat -c %t:%T /dev/$d; done; ls -l /dev/pts/ptmx | cut -c1; grep -c ' /proc/' /proc/self/mountinfo; " +
    "awk '$5 == \"/sys\" { print $6 }' /proc/self/mountinfo | grep -o '^rw'; grep Seccomp: /proc/self/status";
  const { stdout } = await sh(["--privileged"], script);
  expect(stdout).toBe("1:3\n1:b\nc\n0\nrw\nSeccomp:\t0\n");
});

test("what is no device is refused in one line", async () => {
  for (const [device, why] of [
    ["/dev/nothing-here", "no such device on the host"],
    ["/etc/passwd:/dev/p", "expected a device of the host, or a directory of them"],
    ["/etc:/dev/etc", "no device is in this directory"],
  ] as const) {
    const { code, stderr } = await sh(["--device", device], "true");
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `mdocker: --device: ${device.split(":")[0]}: ${why}\n`,
    });
  }
});
