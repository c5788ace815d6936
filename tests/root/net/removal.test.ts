import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { ensureNetwork } from "../../../net/bring-up.ts";
import { connectEndpoint, type Endpoint } from "../../../net/endpoint.ts";
import { removeSoon } from "../../../net/link-removal.ts";
import { defaultNetwork, type LiveNetwork } from "../../../net/network.ts";
import { disconnectRunning } from "../../../net/running-endpoint.ts";
import { bundle } from "../../harness/bundle.ts";
import { makeNetns, type Netns, runHere } from "../../harness/netns.ts";
import { hostState, type NetworkSite, onNetworkSite } from "../../harness/network-site.ts";

async function bridgeOn({ instance }: NetworkSite): Promise<LiveNetwork> {
  return await ensureNetwork(instance, await defaultNetwork(instance));
}

/** What a namespace has beside lo. */
function has(netns: Netns): string {
  const commands = [["link"], ["address"], ["-6", "address"], ["route", "show", "table", "all"]];
  return commands
    .flatMap((command) => netns.run("ip", "-o", ...command).split("\n"))
    .filter((line) => line.includes("eth0"))
    .join("\n");
}

function withoutIndexes(state: string): string {
  return state.replaceAll(/^\d+: |@if\d+/gm, "");
}

/** Removes the endpoint's link in another process, which dies as soon as it hears that it is gone. */
function removeAndDie({ hostName, alias }: Pick<Endpoint, "hostName" | "alias">, program: string) {
  const { signal, stderr } = spawnSync(process.execPath, [program, hostName, alias], { encoding: "utf8" });
  expect({ signal, stderr }).toEqual({ signal: "SIGKILL", stderr: "" });
}

describe("a link whose removal is not waited for", () => {
  test("is out of sight on both sides, and its name is free", async () => {
    await onNetworkSite(async (site) => {
      const live = await bridgeOn(site);
      const fresh = hostState();
      const { netns, endpoint } = await site.container(live);
      const connected = hostState();
      for (let round = 0; round < 20; round += 1) {
        expect(has(netns)).toContain("eth0");
        await disconnectRunning(endpoint, live.network, site.instance, netns.fd);
        expect(has(netns)).toBe("");
        expect(hostState()).toBe(fresh);
        connectEndpoint(endpoint, netns.fd);
        expect(withoutIndexes(hostState())).toBe(withoutIndexes(connected));
      }
      await disconnectRunning(endpoint, live.network, site.instance, netns.fd);
      await disconnectRunning(endpoint, live.network, site.instance, netns.fd);
    });
  });

  test("is removed with many others at once", async () => {
    await onNetworkSite(async (site) => {
      const live = await bridgeOn(site);
      const fresh = hostState();
      const made: Awaited<ReturnType<NetworkSite["container"]>>[] = [];
      for (let number = 0; number < 30; number += 1) made.push(await site.container(live));
      await Promise.all(
        made.map(async ({ endpoint, netns }) => {
          await disconnectRunning(endpoint, live.network, site.instance, netns.fd);
          expect(has(netns)).toBe("");
        }),
      );
      expect(hostState()).toBe(fresh);
    });
  });

  test("stays when it is another's", async () => {
    await onNetworkSite(async () => {
      runHere("ip", "link", "add", "theirs0", "type", "veth", "peer", "name", "theirs1");
      runHere("ip", "link", "set", "theirs0", "alias", "theirs");
      await removeSoon("theirs0", "ours");
      await removeSoon("theirs1", "ours");
      await removeSoon("nobodys", "ours");
      expect(runHere("ip", "-br", "link")).toMatch(/theirs1@theirs0[\s\S]*theirs0@theirs1|theirs0@theirs1/);
    });
  });

  test("is found inside a container's namespace alone", async () => {
    await onNetworkSite(async (site) => {
      const live = await bridgeOn(site);
      const inside = makeNetns();
      inside.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1");
      inside.run("ip", "link", "set", "eth0", "alias", "mdocker:one:lan");
      const network = { ...live.network, driver: "macvlan" } as const;
      const endpoint = { hostName: "", ifname: "eth0", alias: "mdocker:one:lan" };
      await disconnectRunning(endpoint, network, site.instance, inside.fd);
      expect(inside.run("ip", "-o", "link")).toMatch(/^1: lo: [^\n]*\n$/);
      inside.close();
    });
  });

  test("is gone for good when its remover is killed right after the answer", async () => {
    const program = bundle("link-remover");
    try {
      await onNetworkSite(async (site) => {
        const live = await bridgeOn(site);
        const fresh = hostState();
        const { netns, endpoint } = await site.container(live);
        for (let round = 0; round < 5; round += 1) {
          removeAndDie(endpoint, program.path);
          expect(has(netns)).toBe("");
          expect(hostState()).toBe(fresh);
          connectEndpoint(endpoint, netns.fd);
        }
        removeAndDie(endpoint, program.path);
      });
    } finally {
      program.remove();
    }
  });
});
