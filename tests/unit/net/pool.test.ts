import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Network } from "../../../net/network.ts";
import { type Pool, release, take } from "../../../net/pool.ts";

const network: Network = {
  name: "bridge",
  owner: "mdocker",
  bridge: "mdocker0",
  subnet: "10.200.1.0/24",
  gateway: "10.200.1.1",
  internal: false,
  icc: true,
  masquerade: true,
};
const empty: Pool = { subnet: "", leases: [] };
const draft = (container: string, address?: string) => ({
  container,
  address,
  bootId: "b",
  pid: 1,
  startTime: "1",
});

function fill(count: number): Pool {
  let pool = empty;
  for (let at = 0; at < count; at += 1) pool = take(pool, network, draft(`c${at}`)).pool;
  return pool;
}

describe("a pool", () => {
  test("hands out 253 addresses of a /24, the gateway never, and then says so", () => {
    const pool = fill(253);
    const addresses = pool.leases.map(({ address }) => address);
    expect(addresses[0]).toBe("10.200.1.2");
    expect(addresses.at(-1)).toBe("10.200.1.254");
    expect(new Set(addresses).size).toBe(253);
    expect(() => take(pool, network, draft("one more"))).toThrow(
      "network bridge: all 253 addresses of 10.200.1.0/24 are taken: stop containers, or set MDOCKER_SUBNET",
    );
    const again = take(release(pool, "c100"), network, draft("one more"));
    expect(again.lease.address).toBe("10.200.1.102");
  });

  test("uses an address again as late as possible", () => {
    let pool = release(fill(1), "c0");
    const seen: string[] = [];
    for (let at = 0; at < 254; at += 1) {
      const taken = take(pool, network, draft(`d${at}`));
      seen.push(taken.lease.address);
      pool = release(taken.pool, `d${at}`);
    }
    expect(seen.indexOf("10.200.1.2")).toBe(252);
    expect(seen[253]).toBe("10.200.1.3");
  });

  test("says which addresses others had until lately: those have to be announced", () => {
    let { pool, lease } = take(fill(200), network, draft("one"));
    expect(lease.announce).toBeUndefined();
    ({ pool, lease } = take(release(pool, "one"), network, draft("two", lease.address)));
    expect(lease).toMatchObject({ address: "10.200.1.202", announce: true });
    expect(take(pool, network, draft("two")).lease.announce).toBe(true);
    // One after the other, each gone before the next comes, beside 200 others: none is announced.
    for (let at = 0; at < 200; at += 1) {
      ({ pool, lease } = take(pool, network, draft(`d${at}`)));
      expect(lease.announce).toBeUndefined();
      pool = release(pool, `d${at}`);
    }
    // So is what the dead are deprived of.
    const dead = take(pool, network, draft("three", "10.200.1.9"), ({ container }) => container !== "c7");
    expect(dead.lease).toMatchObject({ address: "10.200.1.9", announce: true });
    expect(dead.pool.left?.length).toBeLessThanOrEqual(32);
  });

  test("gives a fixed address once, and the same again to the same container", () => {
    const { pool } = take(empty, network, draft("one", "10.200.1.9"));
    expect(() => take(pool, network, draft("two", "10.200.1.9"))).toThrow(
      "--ip: 10.200.1.9: container one has it on network bridge",
    );
    expect(() => take(pool, network, draft("one", "10.200.1.8"))).toThrow("the container has 10.200.1.9");
    const again = take(pool, network, { ...draft("one"), pid: 7 });
    expect(again.lease).toMatchObject({ address: "10.200.1.9", pid: 7 });
    expect(again.pool.leases).toHaveLength(1);
  });

  test("changes its subnet only when nobody is left in the old one", () => {
    const wider: Network = { ...network, subnet: "10.210.0.0/16", gateway: "10.210.0.1" };
    const pool = fill(1);
    expect(() => take(pool, wider, draft("two"))).toThrow(
      "network bridge: containers use it with 10.200.1.0/24: stop them before it can have 10.210.0.0/16",
    );
    expect(take(release(pool, "c0"), wider, draft("two")).lease.address).toBe("10.210.0.2");
  });

  test("never has two containers at one address, whatever happens in whatever order", () => {
    const small: Network = { ...network, subnet: "10.200.1.0/28" };
    const container = fc.nat(20).map((number) => `c${number}`);
    const address = fc.integer({ min: 2, max: 14 }).map((last) => `10.200.1.${last}`);
    const operation = fc.oneof(
      { weight: 4, arbitrary: fc.record({ take: container }) },
      { weight: 1, arbitrary: fc.record({ take: container, address }) },
      { weight: 3, arbitrary: fc.record({ release: container }) },
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
        const model = new Map<string, string>();
        let pool = empty;
        for (const step of operations) {
          if ("release" in step) {
            pool = release(pool, step.release);
            model.delete(step.release);
            continue;
          }
          const wanted = "address" in step ? step.address : undefined;
          const own = model.get(step.take);
          const taken = [...model].some(([who, what]) => what === wanted && who !== step.take);
          const possible =
            wanted === undefined
              ? own !== undefined || model.size < 13
              : !taken && (own ?? wanted) === wanted;
          if (!possible) {
            expect(() => take(pool, small, draft(step.take, wanted))).toThrow(/^(--ip|network bridge): /);
            continue;
          }
          const { pool: after, lease } = take(pool, small, draft(step.take, wanted));
          pool = after;
          expect(lease.address).toBe(wanted ?? own ?? lease.address);
          if (own === undefined) expect([...model.values()]).not.toContain(lease.address);
          expect(lease.address).not.toBe("10.200.1.1");
          model.set(step.take, lease.address);
        }
        expect(new Map(pool.leases.map((lease) => [lease.container, lease.address]))).toEqual(model);
      }),
    );
  });

  test("keeps to its range, and leaves what is reserved alone", () => {
    const part: Network = { ...network, ipRange: "10.200.1.0/29", auxiliary: { printer: "10.200.1.4" } };
    let pool = empty;
    const seen: string[] = [];
    for (let at = 0; at < 5; at += 1) {
      const taken = take(pool, part, draft(`c${at}`));
      seen.push(taken.lease.address);
      pool = taken.pool;
    }
    expect(seen).toEqual([2, 3, 5, 6, 7].map((it) => `10.200.1.${it}`));
    expect(() => take(pool, part, draft("more"))).toThrow(
      "network bridge: all 5 addresses of 10.200.1.0/29 are taken",
    );
    expect(take(pool, part, draft("fixed", "10.200.1.99")).lease.address).toBe("10.200.1.99");
  });

  test("gives the same number of both families, else the next that is free", () => {
    const both: Network = { ...network, subnet6: "fd00::/64", gateway6: "fd00::1" };
    const one = take({ ...empty, subnet6: "fd00::/64" }, both, draft("one"));
    expect(one.lease).toMatchObject({ address: "10.200.1.2", address6: "fd00::2" });
    const fixed = take(one.pool, both, { ...draft("fixed"), address6: "fd00::4" });
    expect(fixed.lease).toMatchObject({ address: "10.200.1.3", address6: "fd00::4" });
    const next = take(fixed.pool, both, draft("next"));
    expect(next.lease).toMatchObject({ address: "10.200.1.4", address6: "fd00::5" });
    expect(() => take(next.pool, both, { ...draft("late"), address6: "fd00::5" })).toThrow(
      "--ip6: fd00::5: container next has it on network bridge",
    );
  });

  test("takes over what the dead have, as it meets them, and all of them when it is full", () => {
    const full = fill(253);
    const isLive = ({ container }: { container: string }) => container !== "c200";
    const taken = take(full, network, draft("next"), isLive);
    expect(taken.lease.address).toBe("10.200.1.202");
    expect(taken.pool.leases).toHaveLength(253);
    // A few of the others are looked at every time: after a while all have been.
    let pool = fill(100);
    for (let at = 0; at < 20; at += 1)
      pool = take(pool, network, draft(`new${at}`), ({ container }) => container.startsWith("new")).pool;
    expect(pool.leases.every(({ container }) => container.startsWith("new"))).toBe(true);
  });

  test("of a cable has two ends, with addresses or without", () => {
    const cable: Network = { ...network, name: "wire", driver: "link", subnet: "", gateway: "" };
    const one = take(empty, cable, draft("one"));
    const two = take(one.pool, cable, draft("two"));
    expect([one.lease.address, two.lease.address]).toEqual(["", ""]);
    expect(() => take(two.pool, cable, draft("three"))).toThrow(
      "network wire: a link has two ends, and containers one and two have them",
    );
    expect(take(release(two.pool, "one"), cable, draft("three")).pool.leases).toHaveLength(2);
  });
});
