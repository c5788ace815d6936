// @vm

import { describe, expect, test } from "vitest";
import { detectCgroups } from "../../../cgroup/host.ts";
import { disk } from "../../harness/disk.ts";
import { type TestHost, withTestHost } from "../../harness/host.ts";
import { startIdle } from "../../harness/idle.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { limitValue } from "../../harness/limit-value.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";

const none = ["--net", "none"];
const { driver } = detectCgroups();
const controller = driver === "v1" ? "blkio" : "io";

/** Runs `act` on a throw-away host with the default image. */
async function onHost(act: (host: TestHost) => Promise<void>): Promise<void> {
  await withTestHost(act, { image: await sharedLabImage() });
}

describe("devices", () => {
  test("those that every program expects work", async () => {
    await onHost(async (host) => {
      const line = [
        "echo x > /dev/null",
        "for d in zero urandom random; do head -c 4 /dev/$d | wc -c; done",
        "echo x 2>/dev/null > /dev/full || echo full",
        "true <> /dev/ptmx && echo ptmx",
      ].join("; ");
      const { code, stdout } = await host.mdocker(["run", ...none, "/bin/sh", "-c", line]);
      expect({ code, stdout }).toEqual({ code: 0, stdout: "4\n4\n4\nfull\nptmx\n" });
    });
  });

  test.each([
    ["a disk", "b 8 0"],
    ["the host's memory", "c 1 1"],
    ["the kernel's log", "c 1 11"],
    ["the device mapper", "c 10 236"],
  ])("%s can neither be made nor opened where it is there", async (_, node) => {
    await onHost(async (host) => {
      for (const flags of [[], ["--cap-add", "MKNOD"]]) {
        const made = await host.mdocker([
          "run",
          ...none,
          ...flags,
          "/bin/sh",
          "-c",
          `mknod /tmp/node ${node}`,
        ]);
        expect(made).toMatchObject({
          code: 1,
          stderr: expect.stringContaining("Operation not permitted"),
        });
      }
      const folder = `${host.env["HOME"]}/nodes`;
      await host.hostRun(["sh", "-ec", `mkdir ${folder}; mknod -m 666 ${folder}/node ${node}`]);
      const line = "ls -l /nodes/node | cut -c 1; (: < /nodes/node) || (: > /nodes/node) || echo refused";
      const opened = await host.mdocker(["run", ...none, "-v", `${folder}:/nodes`, "/bin/sh", "-c", line]);
      expect(opened.stdout).toBe(`${node[0]}\nrefused\n`);
      expect(opened.stderr.match(/Operation not permitted/g)).toHaveLength(2);
    });
  });
});

describe("disks", () => {
  test("update changes the rates of a disk, one by one, and 0 lifts one", async () => {
    const { numbers, node } = disk();
    await onHost(async (host) => {
      const one = await startIdle(host, "one", [...none, "--device-read-bps", `${node}:1m`]);
      const rate = async (v1: string, v2: RegExp): Promise<string | undefined> => {
        const files = { v1: `blkio.throttle.${v1}_device`, v2: "io.max" };
        const text = await limitValue(host, "one", controller, files);
        return driver === "v1" ? text.split(" ")[1] : v2.exec(text)?.[1];
      };
      const reads = () => rate("read_bps", /rbps=(\d+)/);
      const writes = () => rate("write_iops", /wiops=(\d+)/);
      const update = async (...flags: readonly string[]): Promise<void> =>
        expect(await host.mdocker(["update", ...flags, "one"])).toMatchObject({ code: 0, stderr: "" });
      await update("--device-write-iops", `${node}:100`);
      expect([await reads(), await writes()]).toEqual(["1048576", "100"]);
      await update("--device-read-bps", `${node}:2m`);
      expect([await reads(), await writes()]).toEqual(["2097152", "100"]);
      const { stdout } = await host.mdocker(["limits", "one"]);
      expect(stdout).toMatch(new RegExp(`^read ${numbers} +2MiB/s .*--device-read-bps`, "m"));
      await update("--device-read-bps", `${node}:0`);
      expect([await reads(), await writes()]).toEqual([undefined, "100"]);
      const kept = await host.mdocker(["inspect", "-f", "{{json .resources.blockIO}}", "one"]);
      expect(kept.stdout).not.toMatch(/Read/);
      expect(kept.stdout).toMatch(/"rate":100/);
      await one.end();
      await expectNothingLeft(host.fresh, "gone");
    });
  });

  test.each([
    ["--device-read-bps", "1m", "1048576", "read_bps", "rbps"],
    ["--device-write-bps", "2m", "2097152", "write_bps", "wbps"],
    ["--device-read-iops", "100", "100", "read_iops", "riops"],
    ["--device-write-iops", "200", "200", "write_iops", "wiops"],
  ])("%s is what the kernel has", async (option, given, rate, v1, v2) => {
    const { numbers, node } = disk();
    await onHost(async (host) => {
      const one = await startIdle(host, "one", [...none, option, `${node}:${given}`]);
      const files = { v1: `blkio.throttle.${v1}_device`, v2: "io.max" };
      const value = await limitValue(host, "one", controller, files);
      if (driver === "v1") expect(value).toBe(`${numbers} ${rate}`);
      else expect(value).toMatch(new RegExp(`^${numbers} .*\\b${v2}=${rate}\\b`));
      await one.end();
    });
  });

  test("what is written past the cache takes as long as the rate says", async () => {
    const { node } = disk();
    await onHost(async (host) => {
      const dd = "dd if=/dev/zero of=/file bs=64k count=32 oflag=direct 2>/dev/null";
      const { code, stdout, stderr } = await host.mdocker([
        ...["run", ...none, "--device-write-bps", `${node}:1m`, "/bin/bash", "-c"],
        `start=$EPOCHREALTIME; ${dd} || exit 9; echo $start $EPOCHREALTIME`,
      ]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      const [begin = 0, end = 0] = stdout.split(" ").map(Number);
      // Two MiB, less what the kernel lets through before it counts.
      expect(end - begin).toBeGreaterThan(1.5);
    });
  });

  test("--blkio-weight is what the kernel has, or is refused with the reason", async () => {
    await onHost(async (host) => {
      const tried = await host.mdocker(["run", ...none, "--blkio-weight", "300", "/bin/true"]);
      if (tried.code === 0) {
        const one = await startIdle(host, "one", [...none, "--blkio-weight", "300"]);
        const files = { v1: "blkio.bfq.weight", v2: "io.bfq.weight" };
        expect(await limitValue(host, "one", controller, files)).toMatch(/\b300$/);
        await one.end();
      } else {
        expect(tried).toEqual({
          code: 2,
          stdout: "",
          stderr: expect.stringMatching(/^mdocker: cannot enforce --blkio-weight: [^\n]+\n$/),
        });
      }
      await expectNothingLeft(host.fresh, "gone");
    });
  });

  test("what makes no sense is refused in one line", async () => {
    const cases: [string[], RegExp][] = [
      [["--blkio-weight", "5"], /--blkio-weight: 5: expected 10 to 1000/],
      [["--device-read-bps", "/dev/null:1m"], /: expected \/dev\/null to be a block device of this host/],
      [
        ["--device-read-bps", "/dev/nowhere:1m"],
        /: expected \/dev\/nowhere to be a block device of this host/,
      ],
      [["--device-read-bps", "1m"], /--device-read-bps: 1m: expected DEVICE:VALUE/],
    ];
    await onHost(async (host) => {
      for (const [flags, line] of cases) {
        const { code, stdout, stderr } = await host.mdocker(["run", ...none, ...flags, "/bin/true"]);
        expect(stderr).toMatch(/^mdocker: [^\n]+\n$/);
        expect(stderr).toMatch(line);
        expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      }
    });
  });
});
