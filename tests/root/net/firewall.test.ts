import { chmodSync, closeSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ensureNetwork } from "../../../net/bring-up.ts";
import { type Family, tables } from "../../../net/chain.ts";
import { applyChains } from "../../../net/firewall.ts";
import { openIptables } from "../../../net/iptables.ts";
import { dumpConnections, parseConnection, withConntrack } from "../../../net/netlink/conntrack.ts";
import { AF_INET } from "../../../net/netlink/ip.ts";
import { defaultNetwork, type LiveNetwork } from "../../../net/network.ts";
import type { Publication } from "../../../net/ports/publication.ts";
import { collectPublications, describePublication, publish, unpublish } from "../../../net/ports/publish.ts";
import { reservePorts } from "../../../net/ports/reserve.ts";
import { readPublications } from "../../../net/ports/state.ts";
import { parseSaved } from "../../../net/reconcile.ts";
import { desiredChains } from "../../../net/rules.ts";
import { removeNetwork } from "../../../net/tear-down.ts";
import type { PerformedAction } from "../../../src/core/explain.ts";
import type { Instance } from "../../../src/core/paths.ts";
import type { PortMapping } from "../../../src/core/port-mapping.ts";
import { startCommand } from "../../harness/command.ts";
import { firewallCases } from "../../harness/firewall-cases.ts";
import { runHere } from "../../harness/netns.ts";
import { containerId, hostState, onNetworkSite, self } from "../../harness/network-site.ts";

// Far more than is needed: many programs are started, perhaps by a busy machine.
vi.setConfig({ testTimeout: 240_000 });

// nftables of other versions print rules in their own way:
// @vm

const backends = ["nft", "legacy"] as const;
let chosen: string | undefined;
beforeEach(() => {
  chosen = process.env["MDOCKER_IPTABLES"];
});
afterEach(() => {
  if (chosen === undefined) delete process.env["MDOCKER_IPTABLES"];
  else process.env["MDOCKER_IPTABLES"] = chosen;
});

/** Whether this kernel and iptables know ports of sctp. */
function knowsSctp(): boolean {
  try {
    runHere(
      "sh",
      "-c",
      "iptables -N T; iptables -A T -p sctp -m sctp --dport 1; r=$?; iptables -F T; iptables -X T; exit $r",
    );
    return true;
  } catch {
    return false;
  }
}

/** Our chains as the kernel has them and as they shall be, by table. */
function compare(
  family: Family,
  networks: Parameters<typeof desiredChains>[1],
  published: readonly Publication[],
) {
  const saved = openIptables(family).save();
  const wanted = desiredChains("mdocker", networks, published, family);
  const found = tables.flatMap((table) =>
    [...parseSaved(saved, table)]
      .filter(([name]) => name.startsWith("MDOCKER"))
      .map(([name, rules]) => `${table} ${name}\n${rules.map((words) => words.join(" ")).join("\n")}`),
  );
  const own = wanted
    .filter(({ kind }) => kind === "own" || kind === "user")
    .map(
      ({ table, name, rules }) => `${table} ${name}\n${rules.map(({ words }) => words.join(" ")).join("\n")}`,
    );
  return { found: found.sort(), wanted: own.sort() };
}

describe.each(backends)("on iptables-%s", (backend) => {
  test("every golden rule set is what the kernel has after it was applied, whatever was there before", async () => {
    process.env["MDOCKER_IPTABLES"] = backend;
    await onNetworkSite(async () => {
      const sctp = knowsSctp();
      const known = firewallCases.filter(({ name }) => sctp || !name.includes("-mixed"));
      // Starting a program takes long in a virtual machine.
      const cases = known.filter((_, at) => process.env["VMRUN"] === undefined || at % 6 === 0);
      for (const family of [4, 6] as const) {
        const iptables = openIptables(family);
        for (const { name, networks, publications } of cases) {
          applyChains(iptables, { owner: "mdocker", networks, publications });
          const { found, wanted } = compare(family, networks, publications);
          expect({ name, family, found }).toEqual({ name, family, found: wanted });
        }
        applyChains(iptables, { owner: "mdocker", networks: [], publications: [] });
        expect(iptables.save()).not.toContain("MDOCKER");
      }
    });
  });

  test("what is published by lines is what comparing would make, in any order, and goes without a trace", async () => {
    process.env["MDOCKER_IPTABLES"] = backend;
    await onNetworkSite(async ({ instance }) => {
      const { network } = await ensureNetwork(instance, await defaultNetwork(instance));
      runHere("ip", "link", "set", "lo", "up");
      // The bridge is made again below, by another index.
      const state = (): string => hostState().replaceAll(/^\d+: /gm, "");
      const fresh = state();
      const agree = (): void => {
        const { found, wanted } = compare(4, [network], readPublications(instance));
        expect(found).toEqual(wanted);
      };
      const held = [1, 2, 3].map((at) =>
        publishFor(instance, network, at, [
          { protocol: "tcp", containerPort: 80, hostPort: 8000 + at },
          { protocol: "udp", containerPort: 53, hostPort: 8000 + at, hostAddress: "0.0.0.0" },
        ]),
      );
      agree();
      expect(readPublications(instance)).toHaveLength(3);
      expect(localnet()).toBe("1");
      unpublish(instance, containerId(2));
      agree();
      publishFor(instance, network, 2, [{ protocol: "tcp", containerPort: 9, hostPort: 8009 }]);
      agree();
      // Another's chains are flushed behind our back: the next change compares, and mends what is missing.
      runHere(`iptables-${backend}`, "-t", "nat", "-F", "MDOCKER");
      unpublish(instance, containerId(1));
      agree();
      expect(readPublications(instance)).toHaveLength(2);
      // So is a bridge that was deleted and made again.
      runHere("ip", "link", "delete", "mdocker0");
      await ensureNetwork(instance, network);
      agree();
      expect(localnet()).toBe("1");
      for (const at of [2, 3]) unpublish(instance, containerId(at));
      unpublish(instance, containerId(3));
      agree();
      expect(localnet()).toBe("0");
      expect(state()).toBe(fresh);
      for (const socket of held.flat()) closeSync(socket);
      expect(await removeNetwork(instance, network)).toBe(true);
    });
  });
});

const localnet = (): string => readFileSync("/proc/sys/net/ipv4/conf/mdocker0/route_localnet", "utf8").trim();

type Asked = PortMapping;

/** Reserves and publishes for container `at`, 10.200.1.(at + 1); returns the sockets. */
function publishFor(
  instance: Instance,
  network: LiveNetwork["network"],
  at: number,
  mappings: readonly Asked[],
  done?: PerformedAction[],
): readonly number[] {
  const container = containerId(at);
  const { ports, sockets } = reservePorts(instance, {
    container,
    owner: self(),
    mappings: mappings.map((it) => ({ ...it, hostAddress: it.hostAddress ?? "127.0.0.1" })),
    nameOf: () => "web",
  });
  const publication = { network: network.name, container, address: `10.200.1.${at + 1}`, ports };
  publish(instance, { network, publication, owner: self() }, done && ((action) => done.push(action)));
  if (done !== undefined)
    expect(done.map(({ ms: _, ...action }) => action)).toEqual(describePublication(network, publication));
  return sockets;
}

/** Programs that note that they were started, before those of the same name. */
function spies(folder: string): { readonly path: string; readonly started: () => string[] } {
  const bin = join(folder, "bin");
  const log = join(folder, "started");
  mkdirSync(bin);
  for (const program of ["iptables", "ip6tables"].flatMap((it) => [it, `${it}-save`, `${it}-restore`])) {
    const real = runHere("sh", "-c", `command -v ${program}`).trim();
    writeFileSync(join(bin, program), `#!/bin/sh\necho ${program} >> ${log}\nexec ${real} "$@"\n`);
    chmodSync(join(bin, program), 0o755);
  }
  return {
    path: `${bin}:${process.env["PATH"]}`,
    started: () => (existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : []),
  };
}

test("publishing costs one iptables-restore, and so does taking it back", async () => {
  await onNetworkSite(async ({ instance }) => {
    const { network } = await ensureNetwork(instance, await defaultNetwork(instance));
    runHere("ip", "link", "set", "lo", "up");
    const { path, started } = spies(instance.state);
    const before = process.env["PATH"];
    process.env["PATH"] = path;
    try {
      unpublish(instance, containerId(9));
      expect(await ensureNetwork(instance, network)).toMatchObject({ network });
      expect(started()).toEqual([]);
      const done: PerformedAction[] = [];
      const sockets = publishFor(
        instance,
        network,
        1,
        [{ protocol: "tcp", containerPort: 80, hostPort: 8080 }],
        done,
      );
      expect(started()).toEqual(["iptables-restore"]);
      expect(done.at(-1)?.ms).toBeGreaterThan(0);
      unpublish(instance, containerId(1));
      expect(started()).toEqual(["iptables-restore", "iptables-restore"]);
      for (const socket of sockets) closeSync(socket);
    } finally {
      process.env["PATH"] = before;
    }
  });
});

test("an old flow of udp goes where the port leads now, and is forgotten when it leads nowhere", async () => {
  await onNetworkSite(async (site) => {
    const { instance } = site;
    runHere("ip", "link", "set", "lo", "up");
    const live = await ensureNetwork(instance, await defaultNetwork(instance));
    const { netns, endpoint } = await site.container(live, 1);
    const outside = site.outside();
    const path = (fd: number): string => `/proc/${process.pid}/fd/${fd}`;
    const send = (): void => {
      const line = "printf hello | nc -u -p 4444 -q 0 -w 1 192.0.2.1 5300 || true";
      outside.run("sh", "-c", line);
    };
    const tracked = () =>
      withConntrack((client) =>
        client
          .dump(dumpConnections({ family: AF_INET, protocol: 17, originalDestinationPort: 5300 }))
          .flatMap((payload) => parseConnection(payload) ?? []),
      ).filter(({ original }) => original.sourcePort === 4444);
    send();
    expect(tracked().map(({ reply }) => reply.source)).toEqual(["192.0.2.1"]);
    const receiver = startCommand(["nsenter", `--net=${path(netns.fd)}`, "nc", "-u", "-l", "-W", "1", "53"]);
    const container = containerId(1);
    const { ports, sockets } = reservePorts(instance, {
      container,
      owner: self(),
      mappings: [{ protocol: "udp", containerPort: 53, hostAddress: "0.0.0.0", hostPort: 5300 }],
      nameOf: () => undefined,
    });
    const publication = { network: "bridge", container, address: endpoint.address, ports };
    publish(instance, { network: live.network, publication, owner: self() });
    expect(tracked()).toEqual([]);
    // Until nc listens there is nobody to hear.
    while (!receiver.output().includes("hello")) {
      send();
      await pause(20);
    }
    await receiver.ended;
    expect(receiver.output()).toContain("hello");
    expect(tracked().map(({ reply }) => reply.source)).toEqual([endpoint.address]);
    unpublish(instance, container);
    expect(tracked()).toEqual([]);
    for (const socket of sockets) closeSync(socket);
  });
});

test("what the dead have published is collected", async () => {
  await onNetworkSite(async ({ instance }) => {
    const { network } = await ensureNetwork(instance, await defaultNetwork(instance));
    const fresh = hostState();
    const dead = startCommand(["sleep", "0"]);
    const { startTime } = self();
    const ports = [{ protocol: "tcp", containerPort: 80, hostAddress: "127.0.0.1", hostPort: 8080 }] as const;
    const publication = { network: "bridge", container: containerId(1), address: "10.200.1.2", ports };
    publish(instance, { network, publication, owner: { pid: dead.pid, startTime: `${startTime}0` } });
    await dead.ended;
    expect(hostState()).not.toBe(fresh);
    expect(readPublications(instance)).toEqual([]);
    expect(collectPublications(instance)).toEqual([containerId(1)]);
    expect(collectPublications(instance)).toEqual([]);
    expect(hostState()).toBe(fresh);
  });
});
