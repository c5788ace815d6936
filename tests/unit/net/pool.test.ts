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
});
