import { expect, test } from "vitest";
import { sharedHost } from "../../harness/shared-host.ts";
import { background } from "../life/background.ts";

const { host } = sharedHost();

/** One line `WHAT NAMES...` each: all there is to be seen from inside. */
const look = (hostPaths: readonly string[]): string => `
list() { echo "$1" $(sort -u); }
ls /dev | list devices
ls /dev/pts | list terminals
ls /sys/class/net | list links
cat /proc/[0-9]*/comm 2>/dev/null | grep -vx -e cat -e sh -e sort -e sleep -e grep | list processes
ls /proc/self/fd | list descriptors
cut -d: -f3- /proc/self/cgroup | sed 's/^[^/]*//' | list cgroups
# Of each hierarchy one group, its own, and none below it.
{ [ "$(find /sys/fs/cgroup -name cgroup.procs | wc -l)" = "$(grep -c -e ' - cgroup2\\? ' /proc/self/mountinfo)" ] && echo own; } | list hierarchies
{ (dmesg || timeout 5 dd if=/dev/kmsg bs=8192 count=1) >/dev/null 2>&1 && echo read; } | list messages
ls -d ${hostPaths.join(" ")} 2>/dev/null | list paths
env | cut -d= -f1 | list environment
cut -d' ' -f5 /proc/self/mountinfo | grep -v -e ^/sys/fs/cgroup/ -e '^/proc/.' | list mounts
`;

function read(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/^(\w+) ?(.*)$/gm)].map(([, what = "", names = ""]) => [what, names]),
  );
}

const expected: Readonly<Record<string, string>> = {
  devices: "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero",
  terminals: "ptmx",
  links: "lo",
  processes: "mdocker-init",
  // The fourth is `ls`'s own, for the directory that it lists.
  descriptors: "0 1 2 3",
  cgroups: "/",
  hierarchies: "own",
  messages: "",
  paths: "",
  // Nothing of the caller's own.
  environment: "HOME HOSTNAME LANG PATH PWD",
  mounts:
    "/ /dev /dev/mqueue /dev/pts /dev/shm /etc/hostname /etc/hosts /etc/resolv.conf /proc /sys /sys/firmware /sys/fs/cgroup",
};

test("run and exec see what is theirs and nothing else, unless they were given more", async () => {
  const script = look([host().place.root, host().place.state, "/root/.ssh", process.cwd()]);
  for (const flags of [[], ["--pid", "host", "--privileged", "--cgroupns", "host"]]) {
    const run = await background(host(), "seen", `${script}\necho ready; sleep 1000`, flags);
    const executed = await host().mdocker(["exec", "seen", "/bin/sh", "-c", script]);
    for (const text of [run.output(), executed.stdout]) {
      const found = read(text);
      if (flags.length === 0) {
        expect(found).toMatchObject(expected);
      } else {
        for (const what of ["devices", "processes", "cgroups"])
          expect([what, found[what]]).not.toEqual([what, expected[what]]);
        expect(found["messages"]).toBe("read");
      }
    }
    expect((await host().mdocker(["kill", "seen"])).code).toBe(0);
    await run.ended;
  }
});
