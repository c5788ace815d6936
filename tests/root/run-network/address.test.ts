import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { acquireLease, listLeases } from "../../../net/ipam.ts";
import { defaultNetwork } from "../../../net/network.ts";
import { identify } from "../../../src/sys/process.ts";
import type { Result } from "../../harness/command.ts";
import { type TestHost, withTestHost } from "../../harness/host.ts";
import { startIdle } from "../../harness/idle.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";

/** Runs `act` on a throw-away host with the default image. */
async function onHost(act: (host: TestHost) => Promise<void>, script?: string): Promise<void> {
  await withTestHost(act, { image: await sharedLabImage(), script });
}

const show = ["/bin/sh", "-c", "ip -o -4 address show eth0; ip -o link show eth0"];

/** One line on stderr, nothing on stdout. */
function expectRefused(result: Result, code: number, line: RegExp): void {
  expect(result.stderr).toMatch(/^mdocker: [^\n]+\n$/);
  expect(result.stderr).toMatch(line);
  expect({ code: result.code, stdout: result.stdout }).toEqual({ code, stdout: "" });
}

describe("a fixed address", () => {
  test("is had, with a MAC of its own or one that was asked for", async () => {
    await onHost(async (host) => {
      const plain = await host.mdocker(["run", "--ip", "10.200.1.77", ...show]);
      expect(plain).toMatchObject({ code: 0, stderr: "" });
      expect(plain.stdout).toContain("inet 10.200.1.77/24 ");
      expect(plain.stdout).toContain("link/ether 02:42:0a:c8:01:4d ");
      const asked = await host.mdocker([
        ...["run", "--ip", "10.200.1.77", "--mac-address", "02:AB:cd:00:00:01", ...show],
      ]);
      expect(asked.stdout).toContain("inet 10.200.1.77/24 ");
      expect(asked.stdout).toContain("link/ether 02:ab:cd:00:00:01 ");
      const long = await host.mdocker([
        ...["run", "--network", "name=bridge,ip=10.200.1.78,mac-address=02:ab:cd:00:00:02,ifname=up1"],
        ...["/bin/sh", "-c", "ip -o -4 address show up1; ip -o link show up1"],
      ]);
      expect(long.stdout).toContain("inet 10.200.1.78/24 ");
      expect(long.stdout).toContain("link/ether 02:ab:cd:00:00:02 ");
    });
  });

  test("that another container has is refused, and nobody gets it by chance", async () => {
    await onHost(async (host) => {
      const one = await startIdle(host, "one", ["--ip", "10.200.1.2"]);
      expectRefused(
        await host.mdocker(["run", "--ip", "10.200.1.2", "/bin/true"]),
        1,
        /^mdocker: --ip: 10\.200\.1\.2: container [0-9a-f]{12} has it on network bridge$/m,
      );
      const { stdout } = await host.mdocker(["run", ...show]);
      expect(stdout).toContain("inet 10.200.1.3/24 ");
      await one.end();
      expect((await host.mdocker(["run", "--ip", "10.200.1.2", ...show])).stdout).toContain(
        "inet 10.200.1.2/24",
      );
    });
  });

  test.each([
    ["10.200.2.5", 1, /--ip: 10\.200\.2\.5: outside of 10\.200\.1\.0\/24, the subnet of network bridge/],
    ["10.200.1.1", 1, /--ip: 10\.200\.1\.1: that is the gateway of network bridge/],
    ["10.200.1.0", 1, /--ip: 10\.200\.1\.0: that is the address of the subnet/],
    ["10.200.1.255", 1, /--ip: 10\.200\.1\.255: that is the broadcast address/],
    ["10.200.1.256", 1, /--ip: 10\.200\.1\.256: expected an IPv4 address/],
    ["fd00::1", 1, /--ip: fd00::1: expected an IPv4 address/],
  ])("%s is refused in one line", async (address, code, line) => {
    await onHost(async (host) => {
      expectRefused(await host.mdocker(["run", "--ip", address, "/bin/true"]), code, line);
      await expectNothingLeft(host.fresh, "gone");
    });
  });

  test.each([
    ["zz", /--mac-address: zz: expected a MAC address such as/],
    ["03:42:0a:c8:01:07", /--mac-address: .*: expected a unicast MAC address/],
  ])("MAC %s is refused in one line", async (mac, line) => {
    await onHost(async (host) => {
      expectRefused(await host.mdocker(["run", "--mac-address", mac, "/bin/true"]), 1, line);
    });
  });

  test.each(["none", "host", "container:one"])("has no place with --net %s", async (network) => {
    await onHost(async (host) => {
      expectRefused(
        await host.mdocker(["run", "--net", network, "--ip", "10.200.1.9", "/bin/true"]),
        1,
        /--ip: a container with --network .* has no address of its own to set/,
      );
    });
  });
});

describe("the pool", () => {
  test("hands out every address of the subnet once, and says when it is empty", async () => {
    await onHost(async (host) => {
      const owner = identify(process.pid);
      if (owner === undefined) throw new Error("this process is not alive");
      const instance = { root: host.place.root, state: host.place.state, prefix: host.place.prefix };
      const network = await defaultNetwork(instance, "");
      for (let at = 0; at < 253; at += 1) {
        await acquireLease(instance, network, { container: at.toString(16).padStart(64, "0"), owner });
      }
      const leases = listLeases(instance, network).map(({ address }) => address);
      expect(new Set(leases).size).toBe(253);
      expect(leases).not.toContain("10.200.1.1");
      expectRefused(
        await host.mdocker(["run", "/bin/true"]),
        1,
        /network bridge: all 253 addresses of 10\.200\.1\.0\/24 are taken: stop containers, or set MDOCKER_SUBNET/,
      );
      await expectNothingLeft(host.fresh, "gone");
      // Their owner of that start time is gone: the leases are nobody's.
      const file = join(host.place.state, "networks/bridge/leases.json");
      const dead = listLeases(instance, network).map((lease) => ({ ...lease, startTime: "1" }));
      writeFileSync(file, JSON.stringify({ subnet: network.subnet, leases: dead }));
      expect((await host.mdocker(["run", ...show])).stdout).toContain("inet 10.200.1.2/24");
    });
  });

  test("of a small subnet ends sooner, and an address comes back as its container ends", async () => {
    await onHost(async (host) => {
      const env = { MDOCKER_SUBNET: "10.200.9.8/29" };
      const small = { ...host, start: (args, more) => host.start(args, { ...more, env }) } as TestHost;
      const idle = [];
      for (const name of ["a", "b", "c", "d", "e"]) idle.push(await startIdle(small, name));
      expect(idle.map(({ address }) => address)).toEqual([10, 11, 12, 13, 14].map((n) => `10.200.9.${n}`));
      expect((await idle[0]?.sh("ping -c 1 -W 5 10.200.9.14 && ping -c 1 -W 5 10.200.9.9"))?.code).toBe(0);
      expectRefused(
        await host.mdocker(["run", "/bin/true"], { env }),
        1,
        /network bridge: all 5 addresses of 10\.200\.9\.8\/29 are taken/,
      );
      await idle[2]?.end();
      expect((await host.mdocker(["run", ...show], { env })).stdout).toContain("inet 10.200.9.12/29");
      await Promise.all(idle.map((container) => container.end()));
    });
  });

  test("keeps its subnet while containers use it, and changes it when none does", async () => {
    await onHost(async (host) => {
      const one = await startIdle(host, "one");
      expectRefused(
        await host.mdocker(["run", "/bin/true"], { env: { MDOCKER_SUBNET: "10.200.7.0/24" } }),
        1,
        /network bridge: containers use it with 10\.200\.1\.0\/24: stop them before it can have 10\.200\.7\.0\/24/,
      );
      expect((await one.sh("ping -c 1 -W 5 10.200.1.1")).code).toBe(0);
      await one.end();
      const moved = await host.mdocker(["run", ...show], { env: { MDOCKER_SUBNET: "10.200.7.0/24" } });
      expect(moved.stdout).toContain("inet 10.200.7.2/24");
      const bridge = `${host.place.prefix}0`;
      const addresses = await host.hostRun(["ip", "-o", "-4", "address", "show", bridge]);
      expect(addresses.match(/inet \S+/g)).toEqual(["inet 10.200.7.1/24"]);
      await host.mdocker(["gc", "--networks"]);
      await expectNothingLeft(host.fresh, "gone");
    });
  });
});

describe("a subnet that the host routes elsewhere", () => {
  test("is refused with that route's name, and another one works", async () => {
    await onHost(async (host) => {
      await host.hostRun(["ip", "route", "add", "10.200.0.0/18", "dev", "up0"]);
      expectRefused(
        await host.mdocker(["run", "/bin/true"]),
        2,
        /network bridge: 10\.200\.1\.0\/24 overlaps the host's route 10\.200\.0\.0\/18 dev up0: set MDOCKER_SUBNET to a free one, such as 10\.200\.64\.0\/24/,
      );
      await expectNothingLeft(host.fresh, "gone");
      const { stdout, stderr } = await host.mdocker(["run", ...show], {
        env: { MDOCKER_SUBNET: "10.200.64.0/24" },
      });
      expect(stderr).toBe("");
      expect(stdout).toContain("inet 10.200.64.2/24");
      // The host still gets there by its own route.
      expect(await host.hostRun(["ip", "route", "get", "10.200.1.5"])).toContain(" dev up0 ");
    });
  });

  test("is found too when the host has but an address of it", async () => {
    await onHost(async (host) => {
      await host.hostRun(["ip", "address", "add", "10.200.1.200/25", "dev", "up0"]);
      expectRefused(
        await host.mdocker(["run", "/bin/true"]),
        2,
        /overlaps the host's route 10\.200\.1\.128\/25 dev up0/,
      );
    });
  });

  test.each([
    ["10.200.1.0", /MDOCKER_SUBNET: 10\.200\.1\.0: expected an IPv4 subnet such as/],
    [
      "10.200.1.5/24",
      /MDOCKER_SUBNET: 10\.200\.1\.5\/24: expected 10\.200\.1\.0\/24, the subnet's first address/,
    ],
    ["10.200.1.0/31", /MDOCKER_SUBNET: 10\.200\.1\.0\/31: expected a prefix length of \/8 to \/30/],
  ])("MDOCKER_SUBNET=%s is no subnet", async (subnet, line) => {
    await onHost(async (host) => {
      const result = await host.mdocker(["run", "/bin/true"], { env: { MDOCKER_SUBNET: subnet } });
      expectRefused(result, 1, line);
    });
  });
});

describe("a link that is not ours and has the bridge's name", () => {
  test.each(["bridge", "veth"])("of kind %s is left alone, and named", async (kind) => {
    await onHost(async (host) => {
      const bridge = `${host.place.prefix}0`;
      await host.hostRun(["ip", "link", "add", bridge, "type", kind]);
      const before = await host.hostRun(["ip", "-d", "link", "show", bridge]);
      expectRefused(
        await host.mdocker(["run", "/bin/true"]),
        2,
        new RegExp(
          `network bridge: a link ${bridge} exists that is not of this network: remove it, or set MDOCKER_PREFIX`,
        ),
      );
      await host.mdocker(["gc", "--networks"]);
      expect(await host.hostRun(["ip", "-d", "link", "show", bridge])).toBe(before);
      await host.hostRun(["ip", "link", "del", bridge]);
      expect((await host.mdocker(["run", "/bin/true"])).code).toBe(0);
    });
  });
});
