import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { delayTable } from "../../../../net/impair/distribution.ts";
import { planQueue, readQueue } from "../../../../net/impair/queue.ts";
import {
  changed,
  differing,
  distributions,
  type Impairment,
  type ImpairmentChange,
  putBack,
} from "../../../../net/impair/settings.ts";
import { describeImpairment } from "../../../../net/impair/text.ts";
import { Attributes } from "../../../../net/netlink/attribute.ts";
import type { NetlinkRequest } from "../../../../net/netlink/message.ts";
import { type Qdisc, rootParent } from "../../../../net/netlink/qdisc.ts";

describe("a change", () => {
  test("sets what it names and keeps the rest", () => {
    const before: Impairment = { delay: 50e6, jitter: 5e6, loss: 0.01 };
    expect(changed(before, { loss: 0.02, rate: 1e6 })).toEqual({ ...before, loss: 0.02, rate: 1e6 });
    expect(changed(before, { loss: null })).toEqual({ delay: 50e6, jitter: 5e6 });
    expect(changed(before, { loss: 0 })).toEqual({ delay: 50e6, jitter: 5e6 });
  });

  test("takes along what hangs on what it takes away", () => {
    const before: Impairment = { delay: 50e6, jitter: 5e6, distribution: "normal", reorder: 0.1, loss: 0.1 };
    expect(changed(before, { delay: 0 })).toEqual({ loss: 0.1 });
    expect(changed(before, { jitter: 0 })).toEqual({ delay: 50e6, reorder: 0.1, loss: 0.1 });
    expect(changed({ rate: 1e6, burst: 5000, limit: 9000 }, { rate: 0 })).toEqual({});
  });

  test("puts random loss in the place of a loss model, and the other way round", () => {
    expect(changed({ loss: 0.1 }, { lossModel: [0.1, 0.5, 1, 0] })).toEqual({ lossModel: [0.1, 0.5, 1, 0] });
    expect(changed({ lossModel: [0.1, 0.5, 1, 0] }, { loss: 0.1 })).toEqual({ loss: 0.1 });
  });

  test("is refused where it names something without what that needs", () => {
    expect(() => changed({}, { jitter: 1e6 })).toThrow("--jitter needs --delay");
    expect(() => changed({ delay: 1e6 }, { distribution: "normal" })).toThrow(
      "--distribution needs --jitter",
    );
    expect(() => changed({}, { reorder: 0.1 })).toThrow("--reorder needs --delay");
    expect(() => changed({}, { burst: 5000 })).toThrow("--burst needs --rate");
    expect(putBack({}, { jitter: 1e6, loss: 0.1 })).toEqual({ loss: 0.1 });
  });
});

const chance = fc.integer({ min: 1, max: 0xffffffff }).map((it) => it / 0xffffffff);
const change: fc.Arbitrary<ImpairmentChange> = fc.record(
  {
    delay: fc.integer({ min: 0, max: 10e9 }),
    jitter: fc.integer({ min: 0, max: 1e9 }),
    distribution: fc.constantFrom(...distributions.slice(1)),
    delayCorrelation: chance,
    loss: chance,
    lossModel: fc.tuple(chance, chance, chance, chance),
    duplicate: chance,
    corrupt: chance,
    reorder: chance,
    rate: fc.integer({ min: 125, max: 1e8 }).map((it) => it * 8),
    burst: fc.integer({ min: 2000, max: 30_000 }),
    limit: fc.integer({ min: 2000, max: 1e8 }),
  },
  { requiredKeys: [] },
);

/** What a kernel would have after these messages, which it is told one after the other. */
function perform(qdiscs: readonly Qdisc[], messages: readonly NetlinkRequest[]): Qdisc[] {
  let now = [...qdiscs];
  for (const { type, payload } of messages) {
    const view = new DataView(payload.buffer, payload.byteOffset);
    const [handle, parent] = [view.getUint32(8, true), view.getUint32(12, true)];
    const old = now.find((one) => one.parent === parent);
    const attributes = new Attributes(payload.subarray(20), "RTM_NEWQDISC");
    if (type === 37) {
      expect(old?.handle).toBe(handle);
      now = now.filter(
        (one) => one.parent !== parent && (parent !== rootParent || one.parent === rootParent),
      );
      continue;
    }
    if (parent !== rootParent) expect(now.some((one) => one.handle === parent - 1)).toBe(true);
    // A qdisc of the same handle is changed, another takes all that was below along.
    if (old?.handle !== handle && parent === rootParent) now = [];
    now = now.filter((one) => one.parent !== parent);
    expect(now.some((one) => one.handle === handle)).toBe(false);
    const counters = { bytes: 0, packets: 0, dropped: 0, waiting: 0 };
    const options = attributes.bytes(2) ?? new Uint8Array(0);
    now.push({ link: 3, parent, handle, kind: attributes.text(1) ?? "", options, counters });
  }
  return now;
}

describe("the kernel's qdiscs", () => {
  test("tell again all that was set, after any changes", () => {
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
        let qdiscs: Qdisc[] = [];
        for (const one of changes) {
          const now = readQueue(qdiscs);
          const wanted = putBack(now.impairment, one);
          qdiscs = perform(qdiscs, planQueue({ index: 3, mtu: 1500 }, now, wanted));
          const found = readQueue(qdiscs).impairment;
          const { burst: askedBurst = 0, ...asked } = wanted;
          const { burst = 0, ...rest } = found;
          // The kernel keeps a burst as time, to 64 ns.
          expect(Math.abs(askedBurst - burst)).toBeLessThanOrEqual(16);
          expect(differing(asked, rest)).toEqual([]);
        }
        const now = readQueue(qdiscs);
        expect(perform(qdiscs, planQueue({ index: 3, mtu: 1500 }, now, {}))).toEqual([]);
      }),
    );
  });

  test("of somebody else are told, and not read as ours", () => {
    const counters = { bytes: 0, packets: 0, dropped: 0, waiting: 0 };
    const options = new Uint8Array(0);
    const htb = { link: 3, parent: rootParent, handle: 0x10000, kind: "htb", options, counters };
    expect(readQueue([htb])).toEqual({ impairment: {}, foreign: "htb 1:" });
    expect(readQueue([{ ...htb, handle: 0, kind: "noqueue" }])).toEqual({ impairment: {} });
  });
});

test("tables of delays have mean 0 and deviation 1, and their own shape", () => {
  expect(delayTable("uniform")).toBeUndefined();
  for (const name of ["normal", "pareto", "paretonormal"] as const) {
    const table = [...(delayTable(name) ?? [])].map((it) => it / 8192);
    const mean = table.reduce((sum, it) => sum + it, 0) / table.length;
    const deviation = Math.sqrt(table.reduce((sum, it) => sum + it * it, 0) / table.length);
    expect(Math.abs(mean)).toBeLessThan(0.1);
    expect(deviation).toBeGreaterThan(0.98);
    expect(deviation).toBeLessThan(1.02);
    expect(table).toEqual([...table].sort((a, b) => a - b));
    const median = table[table.length / 2] ?? 0;
    if (name === "normal") expect(Math.abs(median)).toBeLessThan(0.01);
    // Most are early.
    else expect(median).toBeLessThan(-0.1);
  }
});

test("an impairment reads as the flags that make it", () => {
  expect(
    describeImpairment({
      delay: 1.5e9,
      jitter: 250e3,
      distribution: "normal",
      loss: 0.005,
      rate: 1.5e6,
      burst: 4096,
    }),
  ).toBe("delay 1.5s jitter 250us distribution normal loss 0.5% rate 1.5mbit burst 4KiB");
});
