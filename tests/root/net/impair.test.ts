// @vm
import { describe, expect, test } from "vitest";
import { ensureNetwork } from "../../../net/bring-up.ts";
import { Cable, type CableAddress, type Direction } from "../../../net/impair/cable.ts";
import type { Impairment } from "../../../net/impair/settings.ts";
import { defaultNetwork } from "../../../net/network.ts";
import { reopen } from "../../../src/sys/directory.ts";
import { inOwnNetns, type Netns, runHere } from "../../harness/netns.ts";
import { onNetworkSite } from "../../harness/network-site.ts";

// The machine of the @vm suites has netem, and there it must be: what is measured, is measured there. Elsewhere what a
// kernel without it does is proved.

async function kernelHasNetem(): Promise<boolean> {
  return inOwnNetns(() => {
    try {
      runHere("tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms");
      return true;
    } catch (error) {
      if (String(error).includes("qdisc kind is unknown")) return false;
      throw error;
    }
  });
}
const netem = await kernelHasNetem();
const ms = 1e6;

/** A container's namespace on a network of a host, and its cable. */
interface Subject {
  readonly inside: Netns;
  readonly hostName: string;
  readonly gateway: string;
  readonly address: CableAddress;
  readonly write: (direction: Direction, wanted: Impairment) => void;
  readonly read: (direction: Direction) => ReturnType<Cable["read"]>;
}

async function withSubject(act: (subject: Subject) => void | Promise<void>): Promise<void> {
  await onNetworkSite(async (site) => {
    const live = await ensureNetwork(site.instance, await defaultNetwork(site.instance));
    const { netns, endpoint } = await site.container(live);
    const address: CableAddress = {
      openNetns: () => reopen(netns.fd),
      ifname: "eth0",
      farEnd: { at: "host", name: endpoint.hostName, alias: endpoint.alias },
    };
    await act({
      inside: netns,
      hostName: endpoint.hostName,
      gateway: live.network.gateway,
      address,
      write: (direction, wanted) => {
        using cable = new Cable(address);
        cable.write(direction, wanted);
      },
      read: (direction) => {
        using cable = new Cable(address);
        return cable.read(direction);
      },
    });
  });
}

/** What ping(8) measured: round trips in milliseconds, and how many answers came. */
interface Pings {
  readonly sent: number;
  readonly received: number;
  readonly duplicates: number;
  readonly times: readonly number[];
}

function ping({ inside, gateway }: Subject, count: number, ...more: readonly string[]): Pings {
  // ping ends with 1 when nothing came back.
  // Without -S its socket takes one packet at a time, and nothing ever queues.
  const command = `ping -n -c ${count} -i 0.005 -W 2 -S 400000 ${more.join(" ")} ${gateway} || true`;
  const text = inside.run("sh", "-c", command);
  const [, sent = 0, received = 0] =
    /(\d+) packets transmitted, (\d+) received/.exec(text)?.map(Number) ?? [];
  return {
    sent,
    received,
    duplicates: Number(/\+(\d+) duplicates/.exec(text)?.[1] ?? 0),
    times: [...text.matchAll(/ time=([\d.]+) ms(?! \(DUP)/g)].map((match) => Number(match[1])),
  };
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

test("the machine with cgroup v2 alone has netem", () => {
  if (process.env["VMRUN"] !== undefined) expect(netem).toBe(true);
});

describe("a rate", () => {
  test.each(["out", "in"] as const)("%s of a container holds, and is read back", async (direction) => {
    await withSubject((subject) => {
      subject.write(direction, { rate: 1e6, burst: 5000, limit: 200_000 });
      // 40 packets of 1442 bytes take 0.42 s at this rate, less what it took to send them.
      const { received, times } = ping(subject, 40, "-s", "1400", "-l", "40");
      expect(received).toBe(40);
      expect(Math.max(...times)).toBeGreaterThan(150);
      expect(subject.read(direction)).toMatchObject({
        impairment: { rate: 1e6, burst: expect.closeTo(5000, -1), limit: 200_000 },
        counters: { dropped: 0 },
      });
      const other = direction === "in" ? "out" : "in";
      expect(subject.read(other)).toEqual({ impairment: {} });
      const link = direction === "in" ? subject.hostName : "eth0";
      const show = ["tc", "qdisc", "show", "dev", link];
      const shown = direction === "in" ? runHere(...show) : subject.inside.run(...show);
      expect(shown).toMatch(/^qdisc tbf 6e03: root .* rate 1Mbit /);
      subject.write(direction, {});
      expect(subject.read(direction)).toEqual({ impairment: {} });
    });
  });

  test("drops what is beyond its queue", async () => {
    await withSubject((subject) => {
      subject.write("out", { rate: 500e3, limit: 6000 });
      // ping(8) is told, and sends again what was dropped.
      ping(subject, 60, "-s", "1400", "-l", "60");
      expect(subject.read("out").counters?.dropped).toBeGreaterThan(0);
    });
  });

  test("computed burst and limit let a packet of any size through", async () => {
    await withSubject((subject) => {
      subject.write("out", { rate: 64e3 });
      expect(ping(subject, 1, "-s", "1472").received).toBe(1);
      expect(subject.read("out").impairment).toEqual({ rate: 64e3 });
    });
  });
});

describe("a link", () => {
  test("is unplugged at the host's end, and the container keeps its addresses and routes", async () => {
    await withSubject((subject) => {
      const routes = (): string => subject.inside.run("ip", "route").replaceAll(/ linkdown ?/g, "");
      const before = routes();
      {
        using cable = new Cable(subject.address);
        cable.setDown(true);
      }
      expect(ping(subject, 1).received).toBe(0);
      expect(subject.inside.run("ip", "link", "show", "eth0")).toContain("NO-CARRIER");
      {
        using cable = new Cable(subject.address);
        expect(cable.state.down).toBe(true);
        cable.setDown(false);
      }
      // Its carrier comes back when the kernel gets around to it.
      const command = `until ping -n -c 1 -W 1 ${subject.gateway}; do :; done`;
      subject.inside.run("timeout", "30", "sh", "-c", command);
      expect(routes()).toBe(before);
    });
  });

  test("with a smaller MTU sends no larger packets", async () => {
    await withSubject((subject) => {
      {
        using cable = new Cable(subject.address);
        expect(cable.state.mtu).toBe(1500);
        cable.setMtu(1300);
      }
      expect(ping(subject, 1, "-M", "do", "-s", "1272").received).toBe(1);
      expect(ping(subject, 1, "-M", "do", "-s", "1273").received).toBe(0);
    });
  });

  test("that has no end on the host is impaired in what it sends only", async () => {
    await withSubject((subject) => {
      using cable = new Cable({ openNetns: subject.address.openNetns, ifname: "eth0" });
      expect(cable.directions).toEqual(["out"]);
      expect(() => cable.write("in", { rate: 1e6 })).toThrow("eth0 has no other end on this host");
      using lo = new Cable({ openNetns: subject.address.openNetns, ifname: "lo" });
      lo.write("out", { rate: 1e6 });
      expect(lo.read("out").impairment).toEqual({ rate: 1e6 });
    });
  });

  test("is left alone where somebody else's qdisc is on it, and where it is somebody else's", async () => {
    await withSubject((subject) => {
      const { inside, hostName } = subject;
      inside.run("tc", "qdisc", "add", "dev", "eth0", "root", "handle", "9:", "htb");
      expect(subject.read("out").foreign).toBe("htb 9:");
      expect(() => subject.write("out", { rate: 1e6 })).toThrow(
        "eth0 has a qdisc of somebody else (htb 9:): take it away first, with tc qdisc del dev eth0 root",
      );
      expect(inside.run("tc", "qdisc", "show", "dev", "eth0")).toContain("htb 9:");
      runHere("ip", "link", "set", hostName, "alias", "theirs");
      expect(() => subject.write("in", { rate: 1e6 })).toThrow("has no other end on this host");
    });
  });

  test("that has a tbf made with tc is read, and changed", async () => {
    await withSubject((subject) => {
      const made = "tc qdisc add dev eth0 root tbf rate 2mbit burst 10kb limit 40kb";
      subject.inside.run(...made.split(" "));
      expect(subject.read("out").impairment).toEqual({
        rate: 2e6,
        burst: expect.closeTo(10_240, -1),
        limit: 40_960,
      });
      subject.write("out", { rate: 3e6 });
      expect(subject.read("out").impairment).toEqual({ rate: 3e6 });
    });
  });
});

/** Each kernel has the tests that are true of it: the virtual machine has netem. */
const withoutNetem = (): void => {
  test("refuses what needs it, and leaves what was set", async () => {
    await withSubject((subject) => {
      subject.write("out", { rate: 2e6 });
      const before = subject.inside.run("tc", "qdisc", "show", "dev", "eth0");
      expect(() => subject.write("out", { rate: 1e6, delay: 50 * ms })).toThrow(
        /^this kernel has no sch_netem: .* --rate, --down and --mtu work without/,
      );
      expect(subject.inside.run("tc", "qdisc", "show", "dev", "eth0")).toBe(before);
    });
  });
};

const withNetem = (): void => {
  test.each(["out", "in"] as const)("delays packets %s by what was asked", async (direction) => {
    await withSubject((subject) => {
      const plain = median(ping(subject, 10).times);
      subject.write(direction, { delay: 100 * ms });
      const { times, received } = ping(subject, 20);
      expect(received).toBe(20);
      expect(Math.min(...times)).toBeGreaterThanOrEqual(100);
      expect(median(times)).toBeLessThan(plain + 500);
      expect(subject.read(direction).impairment).toEqual({ delay: 100 * ms });
      expect(subject.read(direction === "in" ? "out" : "in").impairment).toEqual({});
    });
  });

  test("adds up the delays of both directions", async () => {
    await withSubject((subject) => {
      subject.write("out", { delay: 60 * ms });
      subject.write("in", { delay: 50 * ms });
      expect(Math.min(...ping(subject, 5).times)).toBeGreaterThanOrEqual(110);
    });
  });

  test("varies a delay around its mean, by each distribution", async () => {
    await withSubject((subject) => {
      for (const distribution of ["uniform", "normal", "pareto", "paretonormal"] as const) {
        const shape = distribution === "uniform" ? {} : { distribution };
        subject.write("out", { delay: 200 * ms, jitter: 60 * ms, ...shape });
        expect(subject.read("out").impairment).toEqual({ delay: 200 * ms, jitter: 60 * ms, ...shape });
        const { times } = ping(subject, 120);
        const mean = times.reduce((sum, it) => sum + it, 0) / times.length;
        const deviation = Math.sqrt(times.reduce((sum, it) => sum + (it - mean) ** 2, 0) / times.length);
        expect(mean).toBeGreaterThan(170);
        // Uniform between -60 and 60 ms deviates by 35.
        expect(deviation).toBeGreaterThan(18);
        if (distribution === "pareto" || distribution === "paretonormal")
          expect(median(times)).toBeLessThan(mean + 5);
      }
    });
  });

  test("loses as many as was asked", async () => {
    await withSubject((subject) => {
      subject.write("out", { loss: 0.3 });
      const { sent, received } = ping(subject, 400);
      expect(sent).toBe(400);
      // The deviation is 9: this is six of them.
      expect(received).toBeGreaterThan(400 * 0.7 - 55);
      expect(received).toBeLessThan(400 * 0.7 + 55);
      expect(subject.read("out").counters?.dropped).toBeGreaterThan(60);
      subject.write("out", { loss: 1 });
      expect(ping(subject, 5, "-W", "1").received).toBe(0);
    });
  });

  test("loses in bursts by a model", async () => {
    await withSubject((subject) => {
      const lossModel = [0.1, 0.3, 1, 0] as const;
      subject.write("out", { lossModel });
      const read = subject.read("out").impairment.lossModel;
      expect(read).toEqual(lossModel.map((it) => expect.closeTo(it, 8)));
      // A quarter of the time is bad: 0.1 / (0.1 + 0.3).
      const { received } = ping(subject, 400);
      expect(received).toBeGreaterThan(200);
      expect(received).toBeLessThan(380);
    });
  });

  test("duplicates packets", async () => {
    await withSubject((subject) => {
      subject.write("out", { duplicate: 0.5 });
      const { received, duplicates } = ping(subject, 200);
      expect(received).toBe(200);
      expect(duplicates).toBeGreaterThan(50);
      expect(duplicates).toBeLessThan(150);
    });
  });

  test("corrupts packets: their checksum tells, and they are lost", async () => {
    await withSubject((subject) => {
      // The neighbour is known before: a question for it that is corrupted is asked again only after a second.
      ping(subject, 1);
      subject.write("out", { corrupt: 0.5 });
      const { received } = ping(subject, 200, "-s", "1000");
      expect(received).toBeGreaterThan(40);
      expect(received).toBeLessThan(160);
      expect(subject.read("out").impairment).toEqual({ corrupt: expect.closeTo(0.5, 8) });
    });
  });

  test("lets some packets overtake others", async () => {
    await withSubject((subject) => {
      subject.write("out", { delay: 150 * ms, reorder: 0.5 });
      const { times, received } = ping(subject, 100);
      expect(received).toBe(100);
      const fast = times.filter((it) => it < 75).length;
      expect(fast).toBeGreaterThan(15);
      expect(fast).toBeLessThan(85);
    });
  });

  test("works together with a rate, and each is changed without the other", async () => {
    await withSubject((subject) => {
      const shown = (): string => subject.inside.run("tc", "qdisc", "show", "dev", "eth0");
      subject.write("out", { rate: 1e6 });
      subject.write("out", { rate: 1e6, delay: 80 * ms, limit: 200_000 });
      expect(shown()).toMatch(/netem 6d00: root .*\n.*tbf 6e12: parent 6d00:1 rate 1Mbit/);
      const { times, received } = ping(subject, 30, "-s", "1400", "-l", "30");
      expect(received).toBe(30);
      expect(Math.min(...times)).toBeGreaterThanOrEqual(80);
      // 30 packets of 1442 bytes take 0.35 s; the first of them wait for nothing.
      expect(Math.max(...times)).toBeGreaterThan(190);
      subject.write("out", { rate: 1e6, delay: 80 * ms, jitter: 5 * ms, distribution: "normal" });
      expect(shown()).toMatch(/netem 6d01: root .*\n.*tbf 6e10: parent 6d01:1 rate 1Mbit/);
      expect(subject.read("out").impairment).toEqual({
        rate: 1e6,
        delay: 80 * ms,
        jitter: 5 * ms,
        distribution: "normal",
      });
      subject.write("out", { delay: 80 * ms });
      expect(shown()).not.toContain("tbf");
      subject.write("out", { rate: 1e6 });
      expect(shown()).toMatch(/^qdisc tbf 6e00: root/);
      subject.write("out", {});
      expect(shown()).toMatch(/^qdisc noqueue 0: root/);
    });
  });

  test("that was made with tc is read, and changed", async () => {
    await withSubject((subject) => {
      subject.inside.run(..."tc qdisc add dev eth0 root netem delay 30ms 5ms loss 2%".split(" "));
      const { impairment } = subject.read("out");
      expect(impairment).toEqual({ delay: 30 * ms, jitter: 5 * ms, loss: expect.closeTo(0.02, 8) });
      subject.write("out", { ...impairment, duplicate: 0.1 });
      expect(subject.read("out").impairment).toEqual({
        delay: 30 * ms,
        jitter: 5 * ms,
        loss: expect.closeTo(0.02, 8),
        duplicate: expect.closeTo(0.1, 8),
      });
    });
  });
};

if (netem) describe("netem", withNetem);
else describe("a kernel without netem", withoutNetem);
