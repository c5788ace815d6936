import { describe, expect, test } from "vitest";
import { ensureNetwork } from "../../../net/bring-up.ts";
import {
  configureLoopback,
  connectEndpoint,
  describeLoopback,
  disconnectEndpoint,
  planEndpoint,
} from "../../../net/endpoint.ts";
import { describeEndpoint } from "../../../net/endpoint-steps.ts";
import { defaultNetwork, type LiveNetwork } from "../../../net/network.ts";
import type { PerformedAction } from "../../../src/core/explain.ts";
import type { Instance } from "../../../src/core/paths.ts";
import { makeNetns, type Netns, runHere } from "../../harness/netns.ts";
import { containerId, hostState, type NetworkSite, onNetworkSite } from "../../harness/network-site.ts";

function pings(from: Netns, address: string): boolean {
  try {
    from.run("ping", "-c", "1", "-W", "1", address);
    return true;
  } catch {
    return false;
  }
}

async function bridgeOn({ instance }: NetworkSite): Promise<LiveNetwork> {
  return ensureNetwork(instance, await defaultNetwork(instance));
}

function endpointOf(instance: Instance, live: LiveNetwork, address: string) {
  return planEndpoint({ instance, live, container: containerId(1), address, ifname: "eth0", number: 0 });
}

describe("an endpoint", () => {
  test("is made as explained, and removed without a trace", async () => {
    await onNetworkSite(async (site) => {
      const live = await bridgeOn(site);
      const fresh = hostState();
      const endpoint = endpointOf(site.instance, live, "10.200.1.7");
      const inside = makeNetns();
      const done: PerformedAction[] = [];
      connectEndpoint(endpoint, inside.fd, (action) => done.push(action));
      expect(done.map(({ ms: _, ...action }) => action)).toEqual(describeEndpoint(endpoint));

      expect(inside.run("ip", "-o", "-4", "address")).toMatch(
        / lo .*127\.0\.0\.1\/8 .*\n.* eth0 .*10\.200\.1\.7\/24 /,
      );
      expect(inside.run("ip", "-o", "link", "show", "eth0")).toMatch(
        / mtu 1500 .* state UP .* link\/ether 02:42:0a:c8:01:07 /,
      );
      expect(inside.run("ip", "route", "show", "default")).toContain("default via 10.200.1.1 dev eth0");
      const hostEnd = runHere("ip", "-d", "link", "show", endpoint.hostName);
      expect(hostEnd).toMatch(/master mdocker0 state UP/);
      expect(hostEnd).toContain(`alias mdocker:${containerId(1)}:bridge`);
      expect(pings(inside, "10.200.1.1")).toBe(true);

      disconnectEndpoint(endpoint);
      disconnectEndpoint(endpoint);
      expect(hostState()).toBe(fresh);
      inside.close();
    });
  });

  test("looks the bridge up when its index is not known", async () => {
    await onNetworkSite(async (site) => {
      const live = await bridgeOn(site);
      const inside = makeNetns();
      connectEndpoint(
        { ...endpointOf(site.instance, live, "10.200.1.7"), bridgeIndex: undefined },
        inside.fd,
      );
      expect(pings(inside, "10.200.1.1")).toBe(true);
      inside.close();
    });
  });

  test("is taken back whole when any message fails", async () => {
    await onNetworkSite(async (site) => {
      const live = await bridgeOn(site);
      const fresh = hostState();
      const endpoint = endpointOf(site.instance, live, "10.200.1.7");
      for (let failing = 0; failing < describeEndpoint(endpoint).length; failing += 1) {
        const inside = makeNetns();
        let count = 0;
        const connect = () =>
          connectEndpoint(endpoint, inside.fd, () => {
            if (count === failing) throw new Error(`message ${failing} fails`);
            count += 1;
          });
        expect(connect).toThrow(`message ${failing} fails`);
        expect(hostState()).toBe(fresh);
        inside.close();
      }
      const inside = makeNetns();
      const unreachable = { ...endpoint, gateway: "172.16.0.1" };
      expect(() => connectEndpoint(unreachable, inside.fd)).toThrow("RTM_NEWROUTE default: ENETUNREACH");
      expect(hostState()).toBe(fresh);
      inside.close();
    });
  });

  test("never touches a link of its name that is not its own", async () => {
    await onNetworkSite(async (site) => {
      const live = await bridgeOn(site);
      const endpoint = endpointOf(site.instance, live, "10.200.1.7");
      runHere("ip", "link", "add", endpoint.hostName, "type", "bridge");
      runHere("ip", "link", "set", endpoint.hostName, "alias", "theirs");
      const inside = makeNetns();
      expect(() => connectEndpoint(endpoint, inside.fd)).toThrow(`RTM_NEWLINK ${endpoint.hostName}: EEXIST`);
      disconnectEndpoint(endpoint);
      expect(runHere("ip", "link", "show", endpoint.hostName)).toContain("alias theirs");
      inside.close();
    });
  });
});

describe("containers", () => {
  test("of one network reach each other and the gateway", async () => {
    await onNetworkSite(async (site) => {
      const live = await bridgeOn(site);
      const [one, other] = [await site.container(live), await site.container(live)];
      expect([one.endpoint.address, other.endpoint.address]).toEqual(["10.200.1.2", "10.200.1.3"]);
      expect(pings(one.netns, other.endpoint.address)).toBe(true);
      expect(pings(other.netns, one.endpoint.address)).toBe(true);
      expect(pings(one.netns, "10.200.1.1")).toBe(true);
    });
  });

  test("of a network without icc reach the gateway, not each other", async () => {
    await onNetworkSite(async (site) => {
      const network = { ...(await defaultNetwork(site.instance)), icc: false };
      const live = await ensureNetwork(site.instance, network);
      const [one, other] = [await site.container(live), await site.container(live)];
      expect(pings(one.netns, other.endpoint.address)).toBe(false);
      expect(pings(one.netns, "10.200.1.1")).toBe(true);
    });
  });

  test("without a network have lo", async () => {
    await onNetworkSite(async () => {
      const inside = makeNetns();
      expect(pings(inside, "127.0.0.1")).toBe(false);
      const done: PerformedAction[] = [];
      configureLoopback(inside.fd, (action) => done.push(action));
      expect(done.map(({ ms: _, ...action }) => action)).toEqual(describeLoopback());
      expect(pings(inside, "127.0.0.1")).toBe(true);
      inside.close();
    });
  });
});

describe.each(["nft", "legacy"])("the outside, on iptables-%s,", (backend) => {
  async function withBackend(act: (site: NetworkSite) => Promise<void>): Promise<void> {
    const before = process.env["MDOCKER_IPTABLES"];
    process.env["MDOCKER_IPTABLES"] = backend;
    try {
      await onNetworkSite(act);
    } finally {
      if (before === undefined) delete process.env["MDOCKER_IPTABLES"];
      else process.env["MDOCKER_IPTABLES"] = before;
    }
  }

  test("is reached with the host's address, even if the host forwards nothing by itself", async () => {
    await withBackend(async (site) => {
      site.outside();
      runHere(`iptables-${backend}`, "-P", "FORWARD", "DROP");
      runHere(`iptables-${backend}`, "-A", "FORWARD", "-j", "REJECT");
      const { netns } = await site.container(await bridgeOn(site));
      expect(pings(netns, "192.0.2.2")).toBe(true);
      const nat = runHere(`iptables-${backend}-save`, "-t", "nat", "-c");
      expect(nat).toMatch(/\[[1-9]\d*:\d+\] -A MDOCKER-POSTROUTING .* -j MASQUERADE/);
    });
  });

  test("does not answer without masquerade: it knows no way back", async () => {
    await withBackend(async (site) => {
      const outside = site.outside();
      const network = { ...(await defaultNetwork(site.instance)), masquerade: false };
      const { netns } = await site.container(await ensureNetwork(site.instance, network));
      expect(pings(netns, "192.0.2.2")).toBe(false);
      outside.run("ip", "route", "add", "10.200.1.0/24", "via", "192.0.2.1");
      expect(pings(netns, "192.0.2.2")).toBe(true);
    });
  });

  test("cannot open a connection to a container by routing to it", async () => {
    await withBackend(async (site) => {
      const outside = site.outside();
      const { endpoint } = await site.container(await bridgeOn(site));
      outside.run("ip", "route", "add", "10.200.1.0/24", "via", "192.0.2.1");
      expect(pings(outside, "192.0.2.1")).toBe(true);
      expect(pings(outside, endpoint.address)).toBe(false);
    });
  });

  test("is out of reach of an internal network", async () => {
    await withBackend(async (site) => {
      site.outside();
      const network = { ...(await defaultNetwork(site.instance)), internal: true };
      const live = await ensureNetwork(site.instance, network);
      const { netns } = await site.container(live);
      netns.run("ip", "route", "add", "default", "via", "10.200.1.1");
      expect(runHere("cat", "/proc/sys/net/ipv4/ip_forward")).toBe("0\n");
      expect(pings(netns, "192.0.2.2")).toBe(false);
      expect(pings(netns, "10.200.1.1")).toBe(true);
    });
  });

  test("is out of reach of another network's containers, and they of each other", async () => {
    await withBackend(async (site) => {
      const one = await site.container(await bridgeOn(site));
      const network = { ...(await defaultNetwork(site.instance)), name: "lab", bridge: "mdocker1" };
      const range = { subnet: "10.200.2.0/24", gateway: "10.200.2.1" };
      const other = await site.container(await ensureNetwork(site.instance, { ...network, ...range }));
      expect(pings(one.netns, other.endpoint.address)).toBe(false);
      expect(pings(other.netns, one.endpoint.address)).toBe(false);
      expect(pings(other.netns, "10.200.2.1")).toBe(true);
    });
  });
});
