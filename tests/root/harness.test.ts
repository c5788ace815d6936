// @vm
import { mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runCommand } from "../harness/command.ts";
import { type TestHost, withTestHost } from "../harness/host.ts";
import { changes, expectNothingLeft, takeSnapshot } from "../harness/snapshot.ts";
import { onTerminal } from "../harness/terminal.ts";

/** The differences that `mess` makes on a throw-away host, as `+ kind: line`. */
async function seenAfter(
  mess: (host: TestHost) => Promise<unknown>,
  tidy?: (host: TestHost) => unknown,
): Promise<string[]> {
  return withTestHost(async (host) => {
    await mess(host);
    const seen = changes(host.fresh, await takeSnapshot(host.place)).map(
      ({ kind, sign, line }) => `${sign} ${kind}: ${line}`,
    );
    await tidy?.(host);
    return seen;
  });
}

describe("the throw-away host", () => {
  test("has links of its own, and the outside is one hop away", async () => {
    await withTestHost(async (host) => {
      // A kernel may put links of its own into every namespace (gre0, sit0): only that they are no others matters.
      const sysfs = (await host.hostRun(["ls", "/sys/class/net"])).trim().split(/\s+/);
      expect(sysfs.sort()).toEqual([...host.fresh.lines.links].sort());
      expect(await host.hostRun(["ip", "-o", "link", "show", "type", "veth"])).toMatch(
        /^\d+: up0@\S+ [^\n]*\n$/,
      );
      await host.hostRun(["ping", "-c1", "-W2", host.outside.address]);
      await host.outsideRun(["ping", "-c1", "-W2", host.address]);
    });
  });

  test("starts as empty as it can be", async () => {
    await withTestHost(async (host) => {
      expect(host.fresh.lines.rules).toEqual([]);
      expect(host.fresh.lines.cgroups).toEqual([]);
      expect(host.fresh.lines.processes).toEqual([]);
      expect(host.fresh.lines.files).toEqual([]);
    });
  });

  test("is gone afterwards, also after a failure, with whatever ran on it", async () => {
    let seen: TestHost | undefined;
    const failing = withTestHost(async (host) => {
      seen = host;
      await host.hostRun(["sh", "-c", "sleep 1000 >/dev/null 2>&1 &"]);
      throw new Error("the test's own failure");
    });
    await expect(failing).rejects.toThrow("the test's own failure");
    const { place } = seen ?? expect.unreachable();
    const after = await takeSnapshot({ ...place, enter: undefined });
    expect(after.lines.processes).toEqual([]);
    expect(after.lines.files).toEqual([]);
    const { code } = await runCommand(["test", "-e", place.root]);
    expect(code).toBe(1);
  });

  test("gives a terminal with a size", async () => {
    await withTestHost(async (host) => {
      const { stdout } = await runCommand([...host.place.enter, ...onTerminal(["stty", "size"])]);
      expect(stdout.trim()).toBe("24 80");
    });
  });
});

describe("a snapshot sees", () => {
  test("a link", async () => {
    const seen = await seenAfter(
      (host) => host.hostRun(["ip", "link", "add", "left0", "type", "bridge"]),
      (host) => host.hostRun(["ip", "link", "delete", "left0"]),
    );
    expect(seen).toEqual(["+ links: left0"]);
  });

  test.each(["iptables-nft", "iptables-legacy", "ip6tables-nft", "ip6tables-legacy"])(
    "a rule of %s",
    async (program) => {
      const rule = ["FORWARD", "-i", "lo", "-m", "comment", "--comment", "mdocker:bridge:left", "-j", "DROP"];
      const seen = await seenAfter(
        (host) => host.hostRun([program, "-A", ...rule]),
        (host) => host.hostRun([program, "-D", ...rule]),
      );
      expect(seen).toEqual([
        `+ rules: ${program} -t filter -A FORWARD -i lo -m comment --comment "mdocker:bridge:left" -j DROP`,
      ]);
    },
  );

  test("a mount, once for each time", async () => {
    const seen = await seenAfter(
      (host) => host.hostRun(["sh", "-c", "mount -t tmpfs left /mnt; mount -t tmpfs left /mnt"]),
      (host) => host.hostRun(["sh", "-c", "umount /mnt; umount /mnt"]),
    );
    expect(seen).toEqual(["+ mounts: left on /mnt (tmpfs)", "+ mounts: left on /mnt (tmpfs)"]);
  });

  test("a process and its file", async () => {
    await withTestHost(async (host) => {
      const left = join(host.place.state, "0123456789ab.fifo");
      const sleeper = await host.hostRun(["sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo $!"]);
      writeFileSync(left, "");
      const seen = changes(host.fresh, await takeSnapshot(host.place));
      expect(seen).toEqual([
        { kind: "processes", sign: "+", line: `${sleeper.trim()} sleep 1000` },
        { kind: "files", sign: "+", line: left },
      ]);
      await host.hostRun(["sh", "-c", `kill -9 ${sleeper.trim()}; rm ${left}`]);
    });
  });

  test("a cgroup in any hierarchy", async () => {
    await withTestHost(async (host) => {
      const tree = (
        await host.hostRun(["sh", "-c", "ls -d /sys/fs/cgroup/pids || echo /sys/fs/cgroup"])
      ).trim();
      const left = join(tree, host.place.prefix, "left");
      mkdirSync(left, { recursive: true });
      await expect(expectNothingLeft(host.fresh, "may-stay", 0)).rejects.toThrow(`+ cgroups: ${left}`);
      rmdirSync(left);
      // The instance's own cgroup may stay, unless asked otherwise.
      await expectNothingLeft(host.fresh);
      rmdirSync(join(tree, host.place.prefix));
      await expectNothingLeft(host.fresh, "gone");
    });
  });
});

test("the test run has a place for the image that all share", () => {
  expect(process.env["MDOCKER_TEST_IMAGE"]).toMatch(/^\/var\/tmp\/mdocker-image-/);
});
