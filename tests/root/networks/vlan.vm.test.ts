// @vm
import { describe, expect, test } from "vitest";
import { ensureNetwork } from "../../../net/bring-up.ts";
import { requireDriver } from "../../../net/driver/kernel.ts";
import { planEndpoint } from "../../../net/endpoint.ts";
import { releaseLease } from "../../../net/ipam.ts";
import type { Network } from "../../../net/network.ts";
import { describeNetwork } from "../../../net/plan.ts";
import { removeNetwork } from "../../../net/tear-down.ts";
import type { PerformedAction } from "../../../src/core/explain.ts";
import { type Netns, runHere } from "../../harness/netns.ts";
import { containerId, hostState, onNetworkSite } from "../../harness/network-site.ts";

const lan: Network = {
  ...{ name: "lan", owner: "mdocker", bridge: "up0", parent: "up0" },
  ...{ subnet: "10.50.0.0/24", gateway: "10.50.0.1", ipRange: "10.50.0.16/28" },
  ...{ internal: false, icc: true, masquerade: false },
};

function pings(netns: Netns, address: string): boolean {
  try {
    netns.run("ping", "-c", "1", "-W", "5", address);
    return true;
  } catch {
    return false;
  }
}

describe("on a kernel with VLANs and ipvlan", () => {
  test.each(["l2", "l3"])("ipvlan %s gives containers addresses on the LAN outside", async (mode) => {
    await onNetworkSite(async (site) => {
      const outside = site.outside();
      outside.run("ip", "address", "add", "10.50.0.1/24", "dev", "up0");
      // What is routed does not ask: the outside has to know the way.
      if (mode === "l3") outside.run("ip", "route", "add", "10.50.0.16/28", "via", "192.0.2.1");
      const network: Network = { ...lan, driver: "ipvlan", mode };
      requireDriver("ipvlan", network);
      const live = await ensureNetwork(site.instance, network);
      const one = await site.container(live);
      const two = await site.container(live);
      expect(one.netns.run("ip", "-o", "-d", "link", "show", "eth0")).toMatch(
        new RegExp(`ipvlan\\s+mode ${mode}`),
      );
      expect(one.netns.run("ip", "-4", "route", "show", "default")).toMatch(
        mode === "l2" ? /^default via 10\.50\.0\.1 dev eth0/ : /^default dev eth0/,
      );
      expect(pings(one.netns, two.endpoint.address)).toBe(true);
      if (mode === "l2") expect(pings(one.netns, "10.50.0.1")).toBe(true);
    });
  });

  test.each([
    ["macvlan", { driver: "macvlan", mode: "bridge", bridge: "up0.50" }],
    ["a bridge", { bridge: "mdocker5", gateway: "10.50.0.2" }],
  ] as const)("a VLAN is made for %s as explained, and removed again", async (_, change) => {
    await onNetworkSite(async (site) => {
      const outside = site.outside();
      outside.run("ip", "link", "add", "up0.50", "link", "up0", "type", "vlan", "id", "50");
      outside.run("ip", "address", "add", "10.50.0.1/24", "dev", "up0.50");
      outside.run("ip", "link", "set", "up0.50", "up");
      const network: Network = { ...lan, parent: "up0.50", ...change };
      const done: PerformedAction[] = [];
      const live = await ensureNetwork(site.instance, network, (action) => done.push(action));
      expect(done.map(({ ms: _ms, ...action }) => action)).toEqual(describeNetwork(network, 1500));
      expect(runHere("ip", "-o", "-d", "link", "show", "up0.50")).toContain("vlan protocol 802.1Q id 50");
      const { netns } = await site.container(live);
      expect(pings(netns, "10.50.0.1")).toBe(true);
      // Somebody deletes it: the next container has it again.
      runHere("ip", "link", "delete", "up0.50");
      if ("driver" in change) {
        await ensureNetwork(site.instance, network);
        expect(runHere("ip", "-o", "link")).toContain("up0.50");
      }
      for (let number = 0; number < 4; number += 1) releaseLease(site.instance, network, containerId(number));
      expect(await removeNetwork(site.instance, network)).toBe(true);
      expect(runHere("ip", "-o", "link")).not.toContain("up0.50");
      expect(hostState()).not.toContain("MDOCKER");
    });
  });
});

test("a parent's name says of which VLAN it is", async () => {
  await onNetworkSite(async (site) => {
    const live = { network: { ...lan, driver: "macvlan", mode: "private" } as const, mtu: 1500 };
    const plan = planEndpoint({
      ...{ instance: site.instance, live, container: containerId(1), address: "10.50.0.16" },
      ...{ ifname: "eth0", number: 0 },
    });
    expect(plan).toMatchObject({ hostName: "", bridge: "up0", mode: "private", gateway: "10.50.0.1" });
    const tagged: Network = { ...lan, driver: "macvlan", parent: "up0.7", bridge: "up0.7", mode: "bridge" };
    expect(describeNetwork(tagged).map(({ text }) => text)).toEqual([
      "RTM_GETLINK up0",
      "RTM_NEWLINK CREATE|EXCL vlan up0.7 link up0 id 7",
      "RTM_NEWLINK up0.7 ifalias mdocker:uplink:lan",
      "RTM_GETLINK up0.7",
      "RTM_NEWLINK up0.7 up",
    ]);
  });
});
