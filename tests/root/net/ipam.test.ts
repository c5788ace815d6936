import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { acquireLease, adoptLease, listLeases, releaseLease } from "../../../net/ipam.ts";
import { defaultNetwork, type Network } from "../../../net/network.ts";
import type { Instance } from "../../../src/core/paths.ts";
import { identify } from "../../../src/sys/process.ts";
import { bundle } from "../../harness/bundle.ts";
import { type Running, startCommand } from "../../harness/command.ts";
import { self } from "../../harness/network-site.ts";

let instance: Instance;
let network: Network;
const running: Running[] = [];

beforeEach(async () => {
  const state = mkdtempSync(join(tmpdir(), "mdocker-ipam-"));
  instance = { root: state, state, prefix: "mdocker" };
  network = await defaultNetwork(instance, "");
});

afterEach(async () => {
  for (const { child } of running) child.kill("SIGKILL");
  await Promise.all(running.map(({ ended }) => ended));
  running.length = 0;
  rmSync(instance.state, { recursive: true });
});

function sleeper(): Running {
  const it = startCommand(["cat"]);
  running.push(it);
  return it;
}

test("fifty processes that ask at the same moment get fifty addresses", async () => {
  const program = bundle("lease-holder");
  try {
    const holders = Array.from({ length: 50 }, (_, at) => {
      const holder = startCommand(["node", program.path, instance.state, `c${at}`]);
      running.push(holder);
      return holder;
    });
    await Promise.all(holders.map(({ says }) => says(/^ready$/m)));
    for (const { child } of holders) child.stdin.write("go\n");
    const said = await Promise.all(holders.map(({ says }) => says(/^(leased|failed) (.*)$/m)));
    const addresses = said.map(([, , address]) => address);
    expect(new Set(addresses).size).toBe(50);
    expect(addresses.every((it) => /^10\.200\.1\.([2-9]|[1-4]\d|5[01])$/.test(it ?? ""))).toBe(true);
    expect(new Set(listLeases(instance, network).map((it) => it.address))).toEqual(new Set(addresses));

    // Killed, half of them cannot give anything back: the next allocation does.
    const killed = holders.slice(0, 25);
    for (const { child } of killed) child.kill("SIGKILL");
    await Promise.all(killed.map(({ ended }) => ended));
    const { address } = await acquireLease(instance, network, { container: "next", owner: self() });
    expect(address).toBe("10.200.1.52");
    expect(listLeases(instance, network)).toHaveLength(26);
  } finally {
    program.remove();
  }
});

test("a lease dies with its process, or goes over to another one", async () => {
  const [first, second] = [sleeper(), sleeper()];
  const [one, other] = [identify(first.pid), identify(second.pid)];
  if (one === undefined || other === undefined) throw new Error("cat did not start");
  const lease = await acquireLease(instance, network, { container: "a", owner: one });
  await acquireLease(instance, network, { container: "b", owner: one });
  adoptLease(instance, network, "a", other);
  first.child.kill("SIGKILL");
  await first.ended;
  expect(listLeases(instance, network)).toEqual([{ ...lease, ...other }]);
  expect(() => adoptLease(instance, network, "c", other)).toThrow("network bridge: container c has no lease");
});

test("a lease of an earlier boot is dead, whoever has its pid now", async () => {
  const lease = await acquireLease(instance, network, { container: "a", owner: self() });
  const path = join(instance.state, "networks/bridge/leases.json");
  writeFileSync(
    path,
    readFileSync(path, "utf8").replace(lease.bootId, "00000000-0000-0000-0000-000000000000"),
  );
  expect(listLeases(instance, network)).toEqual([]);
  const fixed = { container: "b", owner: self(), address: lease.address };
  expect((await acquireLease(instance, network, fixed)).address).toBe(lease.address);
});

test("a fixed address is checked, given once, and given back", async () => {
  const fixed = (container: string, address: string) =>
    acquireLease(instance, network, { container, owner: self(), address });
  await expect(fixed("a", "10.9.9.9")).rejects.toThrow("--ip: 10.9.9.9: outside of 10.200.1.0/24");
  expect((await fixed("a", "10.200.1.50")).address).toBe("10.200.1.50");
  await expect(fixed("b", "10.200.1.50")).rejects.toThrow("--ip: 10.200.1.50: container a has it");
  releaseLease(instance, network, "a");
  releaseLease(instance, network, "a");
  expect((await fixed("b", "10.200.1.50")).address).toBe("10.200.1.50");
});
