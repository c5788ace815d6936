import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ensureNetwork, networkIsUp } from "../../../net/bring-up.ts";
import { acquireLease, releaseLease } from "../../../net/ipam.ts";
import { detectBackend, findProgram } from "../../../net/iptables.ts";
import { defaultNetwork, type Network } from "../../../net/network.ts";
import { describeNetwork } from "../../../net/plan.ts";
import { removeNetwork } from "../../../net/tear-down.ts";
import type { PerformedAction } from "../../../src/core/explain.ts";
import { runHere } from "../../harness/netns.ts";
import { containerId, hostState, onNetworkSite, self } from "../../harness/network-site.ts";

const ipForward = "/proc/sys/net/ipv4/ip_forward";

function lab(network: Network): Network {
  return { ...network, name: "lab", bridge: "mdocker1", subnet: "10.200.2.0/24", gateway: "10.200.2.1" };
}

describe.each(["nft", "legacy"] as const)("on iptables-%s, the network", (backend) => {
  const iptables = (...args: string[]) => runHere(`iptables-${backend}`, ...args);
  let before: string | undefined;
  beforeEach(() => {
    before = process.env["MDOCKER_IPTABLES"];
    process.env["MDOCKER_IPTABLES"] = backend;
  });
  afterEach(() => {
    if (before === undefined) delete process.env["MDOCKER_IPTABLES"];
    else process.env["MDOCKER_IPTABLES"] = before;
  });

  /** Rules of others, in both tables, so that both exist. */
  function foreignRules(): void {
    iptables("-t", "raw", "-A", "PREROUTING", "-s", "198.51.100.7", "-j", "DROP");
    iptables("-N", "DOCKER");
    iptables("-P", "FORWARD", "DROP");
    iptables("-A", "FORWARD", "-o", "docker0", "-j", "DOCKER");
    iptables("-A", "FORWARD", "-j", "REJECT");
    iptables("-A", "INPUT", "-m", "comment", "--comment", "mdocker: not ours", "-j", "ACCEPT");
    iptables(
      "-t",
      "nat",
      "-A",
      "POSTROUTING",
      "-s",
      "172.17.0.0/16",
      "!",
      "-o",
      "docker0",
      "-j",
      "MASQUERADE",
    );
  }

  test("is the backend that was chosen", () => {
    expect(detectBackend()).toEqual({ name: backend, version: expect.stringMatching(/^\d+\.\d+/) });
  });

  test("is made as explained, and removed without a trace", async () => {
    await onNetworkSite(async ({ instance }) => {
      foreignRules();
      const fresh = hostState();
      const network = await defaultNetwork(instance);
      expect(networkIsUp(instance, network)).toBeUndefined();

      const done: PerformedAction[] = [];
      const live = await ensureNetwork(instance, network, (action) => done.push(action));
      expect(done.map(({ ms: _, ...action }) => action)).toEqual(describeNetwork(network, 1500));
      expect(done.filter(({ kind }) => kind !== "iptables").every(({ ms }) => ms !== undefined)).toBe(true);
      expect(networkIsUp(instance, network)).toEqual(live);
      expect(runHere("ip", "-o", "-4", "address", "show", "mdocker0")).toContain(
        "10.200.1.1/24 brd 10.200.1.255",
      );
      expect(runHere("cat", ipForward, "/proc/sys/net/ipv4/conf/mdocker0/rp_filter")).toBe("1\n2\n");
      expect(hostState()).toContain(
        `-${backend}-save: -A FORWARD -m comment --comment mdocker -j MDOCKER-USER`,
      );

      const up = hostState();
      const again: PerformedAction[] = [];
      expect(await ensureNetwork(instance, network, (action) => again.push(action))).toEqual(live);
      expect([again.map(({ text }) => text), hostState()]).toEqual([[`RTM_GETLINK ${network.bridge}`], up]);

      expect(await removeNetwork(instance, network)).toBe(true);
      expect(hostState()).toBe(fresh);
      expect(networkIsUp(instance, network)).toBeUndefined();
      expect(await removeNetwork(instance, network)).toBe(true);
      expect(hostState()).toBe(fresh);
      expect(readdirSync(join(instance.state, "networks/bridge"))).toEqual(["leases.lock"]);
    });
  });

  test("is taken back whole when any step fails", async () => {
    await onNetworkSite(async ({ instance }) => {
      foreignRules();
      const fresh = hostState();
      const network = await defaultNetwork(instance);
      const steps = describeNetwork(network, 1500).length;
      expect(steps).toBeGreaterThan(10);
      for (let failing = 0; failing < steps; failing += 1) {
        let count = 0;
        const failure = ensureNetwork(instance, network, () => {
          if (count === failing) throw new Error(`step ${failing} fails`);
          count += 1;
        });
        await expect(failure).rejects.toThrow(`step ${failing} fails`);
        expect(hostState()).toBe(fresh);
        expect(existsSync(join(instance.state, "networks/bridge/network.json"))).toBe(false);
      }
    });
  });

  test("is healed when somebody has taken its bridge down, or was killed while making it", async () => {
    await onNetworkSite(async ({ instance }) => {
      const network = await defaultNetwork(instance);
      const { bridgeIndex } = await ensureNetwork(instance, network);
      const good = hostState();

      runHere("ip", "link", "set", "mdocker0", "down");
      expect(networkIsUp(instance, network)).toBeUndefined();
      expect((await ensureNetwork(instance, network)).bridgeIndex).toBe(bridgeIndex);
      expect(hostState()).toBe(good);

      runHere("ip", "link", "delete", "mdocker0");
      expect(networkIsUp(instance, network)).toBeUndefined();
      await ensureNetwork(instance, network);
      expect(hostState().replaceAll(/^\d+: /gm, "")).toBe(good.replaceAll(/^\d+: /gm, ""));

      iptables("-F", "FORWARD");
      iptables("-D", "MDOCKER-FORWARD", "2");
      runHere("ip", "link", "set", "mdocker0", "alias", "", "down");
      writeFileSync(
        join(instance.state, "networks/bridge/network.json"),
        JSON.stringify({ bootId: "another", network, mtu: 1500, complete: false }),
      );
      await ensureNetwork(instance, network);
      expect(hostState().replaceAll(/^\d+: /gm, "")).toBe(good.replaceAll(/^\d+: /gm, ""));
    });
  });

  test("leaves the user's own rules in force, and removes their chain once it is empty", async () => {
    await onNetworkSite(async ({ instance }) => {
      foreignRules();
      const fresh = hostState();
      const network = await defaultNetwork(instance);
      await ensureNetwork(instance, network);
      iptables("-A", "MDOCKER-USER", "-s", "10.200.1.9", "-j", "DROP");
      await removeNetwork(instance, network);
      const kept = iptables("-S");
      expect(kept).toContain("-A MDOCKER-USER -s 10.200.1.9/32 -j DROP");
      expect(kept).toMatch(/-A FORWARD .*-j MDOCKER-USER\n/);
      expect(kept).not.toContain("MDOCKER-FORWARD");
      await ensureNetwork(instance, network);
      expect(iptables("-S", "MDOCKER-USER")).toContain("10.200.1.9");
      iptables("-F", "MDOCKER-USER");
      await removeNetwork(instance, network);
      expect(hostState()).toBe(fresh);
    });
  });

  test("shares chains and forwarding with the others of its instance until the last one goes", async () => {
    await onNetworkSite(async ({ instance }) => {
      foreignRules();
      const fresh = hostState();
      const network = await defaultNetwork(instance);
      await ensureNetwork(instance, network);
      const one = hostState();
      await ensureNetwork(instance, lab(network));
      expect(iptables("-S", "MDOCKER-FORWARD").match(/mdocker1/g)).toHaveLength(4);
      await removeNetwork(instance, lab(network));
      expect(hostState()).toBe(one);
      await ensureNetwork(instance, lab(network));
      await removeNetwork(instance, network);
      expect(runHere("cat", ipForward)).toBe("1\n");
      await removeNetwork(instance, lab(network));
      expect(hostState()).toBe(fresh);
    });
  });
});

describe("the network", () => {
  test("stays while a container has an address of it", async () => {
    await onNetworkSite(async ({ instance }) => {
      const network = await defaultNetwork(instance);
      await ensureNetwork(instance, network);
      const up = hostState();
      await acquireLease(instance, network, { container: containerId(1), owner: self() });
      expect(await removeNetwork(instance, network)).toBe(false);
      expect(hostState()).toBe(up);
      expect(networkIsUp(instance, network)).toBeDefined();
      releaseLease(instance, network, containerId(1));
      expect(await removeNetwork(instance, network)).toBe(true);
    });
  });

  test("is made once when many ask at the same time", async () => {
    await onNetworkSite(async ({ instance }) => {
      const network = await defaultNetwork(instance);
      const done: PerformedAction[] = [];
      const all = await Promise.all(
        Array.from({ length: 20 }, () => ensureNetwork(instance, network, (action) => done.push(action))),
      );
      expect(new Set(all.map(({ bridgeIndex }) => bridgeIndex)).size).toBe(1);
      const made = done.filter(({ reason }) => !/nothing of it has to be made/.test(reason));
      expect(made).toHaveLength(describeNetwork(network).length);
    });
  });

  test("puts forwarding back to what it was, unless somebody has changed it since", async () => {
    await onNetworkSite(async ({ instance }) => {
      const network = await defaultNetwork(instance);
      writeFileSync(ipForward, "1");
      await ensureNetwork(instance, network);
      await removeNetwork(instance, network);
      expect(runHere("cat", ipForward)).toBe("1\n");
      writeFileSync(ipForward, "0");
      await ensureNetwork(instance, network);
      await removeNetwork(instance, network);
      expect(runHere("cat", ipForward)).toBe("0\n");
    });
  });

  test("takes the MTU of the interface that the default route leaves by", async () => {
    await onNetworkSite(async ({ instance, outside }) => {
      outside();
      runHere("ip", "link", "set", "up0", "mtu", "1420");
      const live = await ensureNetwork(instance, await defaultNetwork(instance));
      expect(live.mtu).toBe(1420);
      expect(runHere("ip", "-o", "link", "show", "mdocker0")).toContain(" mtu 1420 ");
    });
  });

  test("refuses a subnet that the host routes elsewhere, and says what to do", async () => {
    await onNetworkSite(async ({ instance }) => {
      runHere("ip", "link", "add", "lan0", "type", "bridge");
      runHere("ip", "link", "set", "lan0", "up");
      runHere("ip", "address", "add", "10.200.0.7/21", "dev", "lan0");
      const fresh = hostState();
      const refusal = ensureNetwork(instance, await defaultNetwork(instance));
      await expect(refusal).rejects.toThrow(
        "network bridge: 10.200.1.0/24 overlaps the host's route 10.200.0.0/21 dev lan0: " +
          "set MDOCKER_SUBNET to a free one, such as 10.200.8.0/24",
      );
      expect(hostState()).toBe(fresh);
      const moved = await defaultNetwork(instance, "10.200.8.0/24");
      expect((await ensureNetwork(instance, moved)).network.gateway).toBe("10.200.8.1");
    });
  });

  test("moves to another subnet when no container is left in the old one", async () => {
    await onNetworkSite(async ({ instance }) => {
      const network = await defaultNetwork(instance);
      const moved = await defaultNetwork(instance, "10.77.0.0/16");
      const fresh = hostState();
      await acquireLease(instance, network, { container: containerId(1), owner: self() });
      await ensureNetwork(instance, network);
      const request = { container: containerId(2), owner: self() };
      await expect(acquireLease(instance, moved, request)).rejects.toThrow(
        "containers use it with 10.200.1.0/24",
      );
      releaseLease(instance, network, containerId(1));
      await acquireLease(instance, moved, request);
      await ensureNetwork(instance, moved);
      expect(runHere("ip", "-o", "-4", "address", "show", "mdocker0")).toMatch(/ 10\.77\.0\.1\/16 /);
      expect(runHere("iptables-save")).not.toContain("10.200.1.0");
      releaseLease(instance, moved, containerId(2));
      await removeNetwork(instance, moved);
      const emptyTables = /^iptables-nft-save: (\*\w+|:\w+ ACCEPT |COMMIT)\n/gm;
      expect(hostState().replaceAll(emptyTables, "")).toBe(fresh);
    });
  });

  test("does not touch a link of its bridge's name that is not its own", async () => {
    await onNetworkSite(async ({ instance }) => {
      runHere("ip", "link", "add", "mdocker0", "type", "bridge");
      const fresh = hostState();
      const network = await defaultNetwork(instance);
      await expect(ensureNetwork(instance, network)).rejects.toThrow(
        "network bridge: a link mdocker0 exists that is not of this network: remove it, or set MDOCKER_PREFIX",
      );
      await removeNetwork(instance, network);
      expect(hostState()).toBe(fresh);
    });
  });

  test("names the package when iptables is missing", () => {
    expect(() => findProgram("iptables", ["/nowhere"])).toThrow(
      "iptables is not installed (Debian: apt-get install iptables)",
    );
    expect(findProgram("iptables", ["/nowhere", "/usr/sbin"])).toBe("/usr/sbin/iptables");
  });

  test("refuses an unknown choice of backend", () => {
    expect(() => detectBackend({ MDOCKER_IPTABLES: "ebpf" })).toThrow(
      "MDOCKER_IPTABLES: ebpf: expected nft or legacy",
    );
  });
});
