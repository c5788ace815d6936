import { describe, expect, test } from "vitest";
import { type TestHost, withTestHost } from "../../harness/host.ts";
import { startIdle } from "../../harness/idle.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";

async function onHost(act: (host: TestHost) => Promise<void>): Promise<void> {
  await withTestHost(
    async (host) => {
      await act(host);
      await host.mdocker(["gc", "--networks"]);
      await expectNothingLeft(host.fresh, "gone");
    },
    { image: await sharedLabImage() },
  );
}

/** Runs mdocker, which must succeed, and answers with what it printed. */
async function ok(host: TestHost, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await host.mdocker(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

/** Defines a network. */
async function create(host: TestHost, ...args: readonly string[]): Promise<void> {
  await ok(host, "network", "create", ...args);
}

const outsideRange = ["--subnet", "192.0.2.0/28", "--gateway", "192.0.2.2", "--ip-range", "192.0.2.8/29"];

describe("macvlan", () => {
  test("puts containers on the LAN outside, past the host", async () => {
    await onHost(async (host) => {
      await host.outsideRun(["ip", "route", "add", "192.0.2.8/29", "dev", "up0"]);
      await create(host, "-d", "macvlan", "-o", "parent=up0", ...outsideRange, "lan");
      const one = await startIdle(host, "one", ["--net", "lan"]);
      const two = await startIdle(host, "two", ["--net", "lan:ip=192.0.2.12"]);
      const link = (await one.sh("ip -o -d link show eth0")).output;
      expect(link).toMatch(/02:42:c0:00:02:08 .*macvlan mode bridge/s);
      expect((await one.sh("ping -c 1 -W 5 192.0.2.12 && ping -c 1 -W 5 192.0.2.2")).code).toBe(0);
      expect((await two.sh("ip -4 route show default")).output).toMatch(/^default via 192\.0\.2\.2 dev eth0/);
      // The outside knows the container by its own MAC.
      expect(await host.outsideRun(["ip", "neigh", "show", "192.0.2.8"])).toContain("02:42:c0:00:02:08");
      expect(await host.hostRun(["iptables-save"])).not.toContain(host.place.prefix.toUpperCase());
      await ok(host, "network", "disconnect", "lan", "one");
      expect((await one.sh("ip link show eth0")).code).not.toBe(0);
      await ok(host, "network", "connect", "lan", "one");
      expect((await one.sh("ping -c 1 -W 5 192.0.2.12")).code).toBe(0);
      expect((await host.mdocker(["verify", "one"])).code).toBe(0);
      await one.end();
      await two.end();
      await ok(host, "network", "rm", "lan");
    });
  });

  test("without a parent, or with one that is not there, is refused when it is made", async () => {
    await onHost(async (host) => {
      for (const [options, line] of [
        [[], /^mdocker: --driver macvlan: needs -o parent=LINK/],
        [["-o", "parent=nope0"], /^mdocker: network option parent: nope0: this host has no link nope0/],
      ] as const) {
        const { code, stderr } = await host.mdocker([
          "network",
          "create",
          "-d",
          "macvlan",
          ...options,
          "lan",
        ]);
        expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(line) });
      }
    });
  });
});

describe("a cable", () => {
  test("joins two containers, refuses a third, and is whole again after one end was restarted", async () => {
    await onHost(async (host) => {
      await create(host, "-d", "link", "wire", "--subnet", "10.9.0.0/29");
      const one = await startIdle(host, "one", ["--net", "wire:ifname=left"]);
      expect((await one.sh("ip -o link show left")).output).toContain("NO-CARRIER");
      const two = await startIdle(host, "two", ["--net", "bridge", "--net", "wire:ifname=right"]);
      expect((await one.sh("ping -c 1 -W 5 10.9.0.2")).code).toBe(0);
      expect((await two.sh("ip -4 route show default")).output).toMatch(/^default via 10\.200\.1\.1/);
      const third = await host.mdocker(["run", "--net", "wire", "/bin/true"]);
      expect(third.stderr).toMatch(
        /^mdocker: network wire: a link has two ends, and containers \w{12} and \w{12} have them\n$/,
      );
      await two.end();
      const again = await startIdle(host, "again", ["--net", "wire:ifname=right,ip=10.9.0.2"]);
      expect((await one.sh("ping -c 1 -W 5 10.9.0.2")).code).toBe(0);
      // Unplugged, the other end is still there.
      await ok(host, "network", "disconnect", "wire", "again");
      expect((await one.sh("ip -o link show left")).output).toContain("NO-CARRIER");
      await ok(host, "network", "connect", "--ip", "10.9.0.2", "wire", "again");
      expect((await again.sh("ping -c 1 -W 5 10.9.0.1")).code).toBe(0);
      expect((await host.mdocker(["verify", "again"])).code).toBe(0);
      await one.end();
      await again.end();
      await ok(host, "network", "rm", "wire");
    });
  });

  test("needs no addresses", async () => {
    await onHost(async (host) => {
      await create(host, "-d", "link", "wire");
      const one = await startIdle(host, "one", ["--net", "wire"]);
      const two = await startIdle(host, "two", ["--net", "wire"]);
      expect((await one.sh("ip -o -4 address show eth0; ip route; echo none")).output).toBe("none");
      const peer = (await one.sh("ip -o -6 address show eth0")).output.match(/inet6 (fe80\S+)\//)?.[1];
      expect((await two.sh(`ping -6 -c 1 -W 5 ${peer}%eth0`)).code).toBe(0);
      expect((await host.mdocker(["verify", "one"])).code).toBe(0);
      await one.end();
      await two.end();
    });
  });
});

test("vxlan joins the bridges of two hosts", async () => {
  await onHost(async (here) => {
    await onHost(async (there) => {
      // A wire between the two, beside what leads each to the outside.
      await here.hostRun([
        ...["ip", "link", "add", "lan0", "type", "veth"],
        ...["peer", "name", "lan0", "netns", `${there.pid}`],
      ]);
      for (const [host, address, remote, range] of [
        [here, "10.0.0.1", "10.0.0.2", ["--gateway", "10.88.0.1", "--ip-range", "10.88.0.0/25"]],
        [there, "10.0.0.2", "10.0.0.1", ["--gateway", "10.88.0.129", "--ip-range", "10.88.0.128/25"]],
      ] as const) {
        await host.hostRun(["ip", "address", "add", `${address}/24`, "dev", "lan0"]);
        await host.hostRun(["ip", "link", "set", "lan0", "up"]);
        const tunnel = ["-d", "vxlan", "-o", "vni=42", "-o", `remote=${remote}`, "-o", "dev=lan0"];
        await create(host, ...tunnel, "--subnet", "10.88.0.0/24", ...range, "far");
      }
      const one = await startIdle(here, "one", ["--net", "far"]);
      const two = await startIdle(there, "two", ["--net", "far"]);
      expect([one.address, two.address]).toEqual(["10.88.0.2", "10.88.0.128"]);
      expect((await one.sh("ping -c 1 -W 5 10.88.0.128")).code).toBe(0);
      // As large as the tunnel carries: nothing is lost for its size.
      expect((await one.sh("ip -o link show eth0")).output).toContain("mtu 1450");
      expect((await two.sh("ping -c 1 -W 5 -M do -s 1422 10.88.0.2")).code).toBe(0);
      // Without them nobody is found any more: they come back, the first that came with the link, too.
      const [tunnel = ""] = (await here.hostRun(["ip", "-br", "link", "show", "type", "vxlan"])).split(" ");
      const all = "00:00:00:00:00:00";
      await here.hostRun(["bridge", "fdb", "del", all, "dev", tunnel, "dst", "10.0.0.2", "via", "lan0"]);
      expect((await here.mdocker(["network", "reload"])).stdout).toMatch(
        /^mended: uplink \S+ did not send frames to all to 10\.0\.0\.2\n$/,
      );
      expect(await here.hostRun(["bridge", "fdb", "show", "dev", tunnel])).toMatch(
        /^00:.* dst 10\.0\.0\.2 /m,
      );
      expect((await here.mdocker(["network", "reload"])).stdout).toBe("nothing to mend\n");
      expect((await one.sh("ip neigh flush all; ping -c 1 -W 5 10.88.0.128")).code).toBe(0);
      await one.end();
      await two.end();
      await ok(here, "network", "rm", "far");
      await ok(there, "network", "rm", "far");
      await here.hostRun(["ip", "link", "delete", "lan0"]);
    });
  });
});

test("what this kernel lacks is refused when it is made, and doctor says so", async () => {
  await onHost(async (host) => {
    const doctor = (await host.mdocker(["doctor"])).stdout;
    for (const [flags, kind, option] of [
      [["-d", "ipvlan", "-o", "parent=up0"], "ipvlan", "CONFIG_IPVLAN"],
      [["-d", "macvlan", "-o", "parent=up0.50"], "vlan", "CONFIG_VLAN_8021Q"],
      [["-o", "parent=up0", "-o", "vlan=50"], "vlan", "CONFIG_VLAN_8021Q"],
    ] as const) {
      const { code, stderr } = await host.mdocker(["network", "create", ...flags, "lan"]);
      if (code === 0) {
        // A kernel that lacks nothing.
        await ok(host, "network", "rm", "lan");
        continue;
      }
      expect({ code, stderr }).toEqual({
        code: 2,
        stderr: expect.stringContaining(`this kernel has no ${kind} links: boot one with ${option}`),
      });
      expect(doctor).toContain(option);
    }
  });
});
