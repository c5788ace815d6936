import { describe, expect, test } from "vitest";
import { type EndpointRequest, planEndpoint } from "../../../net/endpoint.ts";
import { describeEndpoint } from "../../../net/endpoint-steps.ts";
import { defaultNetwork } from "../../../net/network.ts";
import { describeNetwork } from "../../../net/plan.ts";

const instance = { root: "/r", state: "/s", prefix: "mdocker" };
const container = `1a2b3c4d${"5e".repeat(28)}`;

async function request(change: Partial<EndpointRequest> = {}): Promise<EndpointRequest> {
  const network = await defaultNetwork(instance, undefined);
  const live = { network, mtu: 1450, bridgeIndex: 7 };
  return { instance, live, container, address: "10.200.1.2", ifname: "eth0", number: 0, ...change };
}

describe("an endpoint", () => {
  test("is planned from the lease", async () => {
    expect(planEndpoint(await request())).toEqual({
      network: "bridge",
      ifname: "eth0",
      hostName: "mdv1a2b3c4d0",
      alias: `mdocker:${container}:bridge`,
      bridge: "mdocker0",
      bridgeIndex: 7,
      mac: "02:42:0a:c8:01:02",
      address: "10.200.1.2",
      prefixLength: 24,
      gateway: "10.200.1.1",
      mtu: 1450,
      isolated: false,
      announce: false,
    });
  });

  test("has its default route by the first interface only, and never into an internal network", async () => {
    expect(planEndpoint(await request({ number: 1, ifname: "eth1" })).gateway).toBeUndefined();
    const { live } = await request();
    const internal = { ...live, network: { ...live.network, internal: true } };
    expect(planEndpoint(await request({ live: internal })).gateway).toBeUndefined();
  });

  test("has names that fit the kernel for every instance and number", async () => {
    const plan = planEndpoint(await request({ instance: { ...instance, prefix: "longpref" }, number: 99 }));
    expect(plan.hostName).toBe("longv1a2b3c4d99");
    expect(plan.hostName.length).toBeLessThanOrEqual(15);
  });

  test("takes a MAC of the user's", async () => {
    expect(planEndpoint(await request({ mac: "02:00:00:00:00:07" })).mac).toBe("02:00:00:00:00:07");
  });

  test("announces an address that another had until lately, and what machines outside have to learn", async () => {
    const announces = async (more: object) =>
      describeEndpoint(planEndpoint({ ...(await request()), ...more })).some(
        ({ text }) => text === "net.ipv4.conf.eth0.arp_notify = 1",
      );
    const { live } = await request();
    const outside = (more: object) => ({ live: { ...live, network: { ...live.network, ...more } } });
    expect(await announces({})).toBe(false);
    expect(await announces({ announce: true })).toBe(true);
    expect(await announces(outside({ parent: "lan.7" }))).toBe(true);
    expect(await announces(outside({ driver: "macvlan" }))).toBe(true);
    expect(await announces(outside({ driver: "vxlan" }))).toBe(true);
  });

  test("is explained message by message", async () => {
    const lines = describeEndpoint(planEndpoint(await request())).map(({ text }) => text);
    expect(lines).toEqual([
      "RTM_NEWLINK CREATE|EXCL veth mdv1a2b3c4d0 master mdocker0 mtu 1450 up " +
        "peer { eth0 address 02:42:0a:c8:01:02 mtu 1450 netns container }",
      `RTM_NEWLINK mdv1a2b3c4d0 ifalias mdocker:${container}:bridge`,
      "RTM_NEWLINK lo up",
      "RTM_GETLINK eth0",
      "net.ipv6.conf.eth0.accept_dad = 0",
      "net.ipv6.conf.eth0.accept_ra = 0",
      "RTM_NEWADDR CREATE|EXCL 10.200.1.2/24 dev eth0",
      "RTM_NEWLINK eth0 up",
      "RTM_NEWROUTE CREATE|EXCL default via 10.200.1.1",
    ]);
  });
});

describe("a network", () => {
  test("is explained in the order it is made, each with its reason", async () => {
    const actions = describeNetwork(await defaultNetwork(instance, undefined));
    expect(actions.map(({ kind, text }) => `${kind}: ${text}`)).toMatchInlineSnapshot(`
      [
        "sysctl: net.ipv4.ip_forward = 1",
        "netlink: RTM_NEWLINK CREATE|EXCL bridge mdocker0 address 02:42:0a:c8:01:01 mtu that of the default route's interface",
        "netlink: RTM_NEWLINK mdocker0 ifalias mdocker:network:bridge",
        "netlink: RTM_GETLINK mdocker0",
        "netlink: RTM_NEWADDR CREATE|EXCL 10.200.1.1/24 dev mdocker0",
        "netlink: RTM_NEWLINK mdocker0 up",
        "sysctl: net.ipv4.conf.mdocker0.rp_filter = 2",
        "iptables: iptables -t raw -N MDOCKER-PREROUTING",
        "iptables: iptables -t raw -A MDOCKER-PREROUTING -d 127.0.0.0/8 -i mdocker0 -m comment --comment mdocker:bridge -j DROP",
        "iptables: iptables -t raw -I PREROUTING 1 -m comment --comment mdocker -j MDOCKER-PREROUTING",
        "iptables: iptables -t filter -N MDOCKER",
        "iptables: iptables -t filter -N MDOCKER-USER",
        "iptables: iptables -t filter -N MDOCKER-FORWARD",
        "iptables: iptables -t filter -A MDOCKER-FORWARD -o mdocker0 -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment mdocker:bridge -j ACCEPT",
        "iptables: iptables -t filter -A MDOCKER-FORWARD -m comment --comment mdocker -j MDOCKER",
        "iptables: iptables -t filter -A MDOCKER-FORWARD ! -i mdocker0 -o mdocker0 -m comment --comment mdocker:bridge -j DROP",
        "iptables: iptables -t filter -A MDOCKER-FORWARD -i mdocker0 -m comment --comment mdocker:bridge -j ACCEPT",
        "iptables: iptables -t filter -I FORWARD 1 -m comment --comment mdocker -j MDOCKER-USER",
        "iptables: iptables -t filter -I FORWARD 2 -m comment --comment mdocker -j MDOCKER-FORWARD",
        "iptables: iptables -t nat -N MDOCKER",
        "iptables: iptables -t nat -N MDOCKER-POSTROUTING",
        "iptables: iptables -t nat -A MDOCKER-POSTROUTING -s 10.200.1.0/24 ! -o mdocker0 -m comment --comment mdocker:bridge -j MASQUERADE",
        "iptables: iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -m comment --comment mdocker -j MDOCKER",
        "iptables: iptables -t nat -A OUTPUT -m addrtype --dst-type LOCAL -m comment --comment mdocker -j MDOCKER",
        "iptables: iptables -t nat -A POSTROUTING -m comment --comment mdocker -j MDOCKER-POSTROUTING",
      ]
    `);
    expect(actions.every(({ reason }) => reason.length > 0)).toBe(true);
  });
});
