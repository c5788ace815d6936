import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { findContainer } from "../../../src/container/refresh.ts";
import { type TestHost, withTestHost } from "../../harness/host.ts";
import { startIdle } from "../../harness/idle.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { endSupervisor } from "../../harness/supervisor.ts";

// What netem does is measured in tests/root/net/impair.test.ts, where the kernel has it; here is what holds on any.

async function onHost(act: (host: TestHost) => Promise<void>): Promise<void> {
  await withTestHost(
    async (host) => {
      try {
        await act(host);
      } finally {
        await endSupervisor(host.place);
      }
    },
    { image: await sharedLabImage() },
  );
}

/** `mdocker network impair ARGS`, which must succeed. */
async function impair(host: TestHost, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await host.mdocker(["network", "impair", ...args]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

const soon = { timeout: 20_000, interval: 20 };

interface Shown {
  readonly container: string;
  readonly down?: boolean;
  readonly mtu?: number;
  readonly in?: object;
  readonly out?: object;
  readonly for?: readonly object[];
}

async function shown(host: TestHost, name: string): Promise<Shown[]> {
  const all = JSON.parse(await impair(host, name, "--json")) as (Shown & { counters?: object })[];
  return all.map(({ counters: _, ...rest }) => rest);
}

/** What the first interface of a container has, without what it always has. */
async function stateOf(host: TestHost, name: string): Promise<Omit<Shown, "container">> {
  const [{ container: _, ...first } = { container: "" }] = await shown(host, name);
  const { interface: __, network: ___, ...rest } = first as Record<string, unknown>;
  return rest;
}

test("each call sets what it names, keeps the rest, and --reset takes all away", async () => {
  await onHost(async (host) => {
    const one = await startIdle(host, "one");
    expect(await stateOf(host, "one")).toEqual({});
    await impair(host, "one", "--rate", "5mbit", "--both");
    await impair(host, "one", "--rate", "1mbit", "--burst", "10k", "--direction", "in");
    await impair(host, "one", "--mtu", "1300");
    await impair(host, "one", "--down");
    const all = {
      down: true,
      mtu: 1300,
      out: { rate: "5mbit" },
      in: { rate: "1mbit", burst: "10KiB" },
    };
    expect(await stateOf(host, "one")).toEqual(all);
    expect(await impair(host, "one")).toMatch(
      /^CONTAINER +INTERFACE +NETWORK +DIRECTION +IMPAIRMENT .*\none +eth0 +bridge +link +down mtu 1300\none +eth0 +bridge +out +rate 5mbit +\d+ +0\none +eth0 +bridge +in +rate 1mbit burst 10KiB/,
    );
    const [inspected] = JSON.parse((await host.mdocker(["inspect", "one"])).stdout) as [
      { impairments: object },
    ];
    expect(inspected.impairments).toEqual({ eth0: all });
    const template = "{{range .Containers}}{{.Impairment.out.rate}} {{.Impairment.mtu}}{{end}}";
    const network = await host.mdocker(["network", "inspect", "--format", template, "bridge"]);
    expect(network.stdout).toBe("5mbit 1300\n");
    await impair(host, "one", "--up", "--rate", "0");
    expect(await stateOf(host, "one")).toEqual({ mtu: 1300, in: { rate: "1mbit", burst: "10KiB" } });
    // A container sees it, and cannot change it.
    const undo = await one.sh("tc qdisc del dev eth0 root; ip link set eth0 mtu 1500");
    expect(undo.output).toMatch(/not permitted/);
    await impair(host, "one", "--reset");
    expect(await stateOf(host, "one")).toEqual({});
    expect((await one.sh(`ping -c 1 -W 5 10.200.1.1`)).code).toBe(0);
    await one.end();
  });
});

test("what cannot be is refused in one line, and nothing is half set", async () => {
  await onHost(async (host) => {
    const one = await startIdle(host, "one");
    const none = await startIdle(host, "none", ["--network", "none"]);
    await impair(host, "one", "--rate", "5mbit");
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [["one", "--delay", "50"], /--delay: "50": expected a time from 0 to 1h, such as 50ms/],
      [["one", "--loss", "101%"], /--loss: "101%": expected a percentage from 0% to 100%/],
      [["one", "--rate", "1mbps"], /--rate: "1mbps": expected bits per second .* such as 500kbit or 10mbit/],
      [["one", "--jitter", "5ms"], /--jitter needs --delay/],
      [["one", "--burst", "5k", "--direction", "in"], /--burst needs --rate/],
      [["one", "--direction", "up", "--rate", "1mbit"], /--direction: "up": expected in, out or both/],
      [["one", "--for", "10s"], /--for: expected what to do for so long/],
      [["one", "--both"], /--direction: expected what to do in it/],
      [["one", "--down", "--up"], /contradict/],
      [["one", "--mtu", "20"], /--mtu: "20": expected 68 to 65535/],
      [["one", "--if", "eth7", "--rate", "1mbit"], /no interface eth7/],
      [["one", "--network", "red", "--rate", "1mbit"], /not connected to network red/],
      [["one", "--distribution", "gauss"], /expected one of uniform, normal/],
      [["one", "--preset", "5g"], /expected one of 3g/],
      [["one", "--loss", "1%", "--loss-gemodel", "1%"], /contradict/],
      [["none", "--rate", "1mbit"], /is on no network: name one of its interfaces with --if/],
      [["none", "--if", "lo", "--rate", "1mbit", "--direction", "in"], /lo has no other end on this host/],
      [["nobody"], /no such container or network: nobody/],
    ];
    for (const [args, line] of cases) {
      const { code, stdout, stderr } = await host.mdocker(["network", "impair", ...args]);
      expect({ args, code, stdout }).toEqual({ args, code: 1, stdout: "" });
      expect(stderr).toMatch(/^mdocker: [^\n]+\n$/);
      expect(stderr).toMatch(line);
    }
    const wish = ["--reset", "--rate", "1mbit", "--both", "--down", "--delay", "10ms"];
    const { code, stderr } = await host.mdocker(["network", "impair", "one", ...wish]);
    if (code !== 0) {
      expect({ code, stderr }).toEqual({
        code: 2,
        stderr: expect.stringMatching(/^mdocker: this kernel has no sch_netem: [^\n]+ work without[^\n]+\n$/),
      });
      expect(await stateOf(host, "one")).toEqual({ out: { rate: "5mbit" } });
    }
    await none.end();
    await one.end();
  });
});

test("a network stands for all that run on it; twenty changes at once all count", async () => {
  await onHost(async (host) => {
    const containers = [await startIdle(host, "one"), await startIdle(host, "two")];
    await impair(host, "bridge", "--rate", "8mbit");
    expect(await shown(host, "bridge")).toHaveLength(2);
    for (const state of await shown(host, "bridge")) expect(state).toMatchObject({ out: { rate: "8mbit" } });
    const changes = [
      ["--rate", "2mbit", "--direction", "in"],
      ["--burst", "20k"],
      ["--limit", "60k"],
      ["--mtu", "1400"],
      ["--rate", "8mbit"],
    ];
    await Promise.all(
      Array.from({ length: 20 }, (_, at) => impair(host, "one", ...(changes[at % changes.length] ?? []))),
    );
    expect(await stateOf(host, "one")).toEqual({
      mtu: 1400,
      out: { rate: "8mbit", burst: "20KiB", limit: "60KiB" },
      in: { rate: "2mbit" },
    });
    expect(await stateOf(host, "two")).toEqual({ out: { rate: "8mbit" } });
    for (const container of containers) await container.end();
  });
});

/** Looks until the container's link is so, doing `between` before each look. */
async function becomes(
  host: TestHost,
  wanted: object,
  between: () => Promise<unknown> = () => pause(20),
): Promise<void> {
  const deadline = Date.now() + 40_000;
  for (;;) {
    await between();
    const state = await stateOf(host, "one");
    if (JSON.stringify(state) === JSON.stringify(wanted)) return;
    if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(state)}`);
  }
}

test("what is set for a time is put back: by the supervisor, the next one, or gc", async () => {
  await onHost(async (host) => {
    const one = await startIdle(host, "one");
    await impair(host, "one", "--rate", "5mbit");
    const before = { out: { rate: "5mbit" } };
    const wish = ["--rate", "1mbit", "--both", "--down", "--mtu", "1000"];
    await impair(host, "one", ...wish, "--for", "10m");
    const during = await stateOf(host, "one");
    expect(during).toMatchObject({ down: true, mtu: 1000, out: { rate: "1mbit" }, in: { rate: "1mbit" } });
    expect(during.for).toHaveLength(4);
    // What was before is what was before the first of them.
    await impair(host, "one", ...wish, "--for", "300ms");
    await becomes(host, before);

    await impair(host, "one", ...wish, "--for", "300ms");
    await endSupervisor(host.place, "SIGKILL");
    await becomes(host, before, () => host.mdocker(["gc"]));

    await impair(host, "one", ...wish, "--for", "700ms");
    await endSupervisor(host.place, "SIGKILL");
    // Any command that needs it starts the next one.
    expect((await host.mdocker(["events", "--until", "0s"])).code).toBe(0);
    await becomes(host, before);

    // What is set for good meanwhile stays, the rest goes.
    await impair(host, "one", "--rate", "1mbit", "--both", "--for", "10m");
    await impair(host, "one", "--rate", "2mbit");
    await impair(host, "one", "--rate", "1mbit", "--direction", "in", "--for", "200ms");
    await becomes(host, { out: { rate: "2mbit" } });
    await impair(host, "one", "--rate", "1mbit", "--for", "10m");
    await impair(host, "one", "--reset");
    expect(await stateOf(host, "one")).toEqual({});
    await one.end();
    expect(readFileSync(join(host.place.state, "supervisor.log"), "utf8")).not.toContain("impairments:");
  });
});

test("a link that somebody has removed is made again as impaired as it was", async () => {
  await onHost(async (host) => {
    const one = await startIdle(host, "one");
    const remove = async (): Promise<void> => {
      const { hostName } = findContainer(host.place, "one").endpoints[0] ?? {};
      await host.hostRun(["ip", "link", "del", String(hostName)]);
    };
    await impair(host, "one", "--rate", "5mbit", "--both");
    await impair(host, "one", "--rate", "1mbit", "--burst", "10k", "--direction", "in");
    await impair(host, "one", "--mtu", "1300", "--down");
    const all = { down: true, mtu: 1300, out: { rate: "5mbit" }, in: { rate: "1mbit", burst: "10KiB" } };
    expect(await stateOf(host, "one")).toEqual(all);
    await remove();
    const reload = await host.mdocker(["network", "reload"]);
    expect(reload.stdout).toMatch(/link \S+ of container one was missing/);
    expect(await stateOf(host, "one")).toEqual(all);
    expect((await host.mdocker(["network", "reload"])).stdout).toBe("nothing to mend\n");
    // What was set for a time is over, whether the link was there at that moment or not.
    await impair(host, "one", "--up", "--direction", "in", "--rate", "0", "--mtu", "1500");
    await impair(host, "one", "--rate", "2mbit", "--mtu", "1400", "--for", "300ms");
    await remove();
    await expect
      .poll(async () => {
        await host.mdocker(["network", "reload"]);
        return stateOf(host, "one").catch(() => undefined);
      }, soon)
      .toEqual({ out: { rate: "5mbit" } });
    await impair(host, "one", "--reset");
    await remove();
    await expect
      .poll(async () => (await host.mdocker(["network", "reload"])).stdout, soon)
      .toBe("nothing to mend\n");
    expect(await stateOf(host, "one")).toEqual({});
    await one.end();
  });
});

test("a container that is started again has a clean link", async () => {
  await onHost(async (host) => {
    expect((await host.mdocker(["run", "-d", "--name", "one", "/bin/sleep", "1000"])).code).toBe(0);
    await impair(host, "one", "--rate", "1mbit", "--both", "--down", "--mtu", "1000", "--for", "10m");
    expect((await host.mdocker(["restart", "-t", "0", "one"])).code).toBe(0);
    expect(await stateOf(host, "one")).toEqual({});
    expect((await host.mdocker(["stop", "-t", "0", "one"])).code).toBe(0);
    const stopped = await host.mdocker(["network", "impair", "one", "--rate", "1mbit"]);
    expect(stopped).toEqual({ code: 1, stdout: "", stderr: "mdocker: container one is not running\n" });
    expect((await host.mdocker(["rm", "one"])).code).toBe(0);
  });
});

test("a wire between two containers is impaired both ways, and unplugged without a loss", async () => {
  await onHost(async (host) => {
    const create = ["network", "create", "-d", "link", "--subnet", "10.99.0.0/29", "wire"];
    expect(await host.mdocker(create)).toMatchObject({ code: 0, stderr: "" });
    const flags = ["--network", "wire", "--cap-add", "NET_ADMIN"];
    const one = await startIdle(host, "one", flags);
    const two = await startIdle(host, "two", flags);
    await impair(host, "one", "--rate", "1mbit", "--burst", "5k", "--both");
    expect((await one.sh("tc qdisc show dev eth0")).output).toMatch(/^qdisc tbf 6e01: root .* rate 1Mbit /);
    expect((await two.sh("tc qdisc show dev eth0")).output).toMatch(/^qdisc tbf 6e01: root .* rate 1Mbit /);
    expect(await stateOf(host, "two")).toEqual(await stateOf(host, "one"));
    const made = [
      `ip route add 198.51.100.0/24 via ${two.address}`,
      "ip address add fd99::1/64 dev eth0",
      "ip route add fd98::/64 via fd99::2",
    ];
    expect(await one.sh(made.join(" && "))).toEqual({ code: 0, output: "" });
    const look = async (): Promise<string> =>
      (await one.sh("ip route; ip -6 route | grep fd9; ip -6 address show scope global | grep inet6")).output
        .split("\n")
        .map((line) => line.trim().replace(/ (linkdown|tentative)/g, ""))
        .sort()
        .join("\n");
    const before = await look();
    expect(before).toContain("198.51.100.0/24 via");
    await impair(host, "one", "--down", "--for", "10m");
    expect(await stateOf(host, "one")).toMatchObject({ down: true });
    expect((await two.sh("ip link show eth0")).output).toContain("NO-CARRIER");
    expect(await look()).not.toContain("198.51.100.0/24");
    await impair(host, "one", "--down", "--for", "200ms");
    await becomes(host, { out: { rate: "1mbit", burst: "5KiB" }, in: { rate: "1mbit", burst: "5KiB" } });
    expect(await look()).toBe(before);
    await impair(host, "one", "--down");
    await impair(host, "one", "--reset");
    expect(await look()).toBe(before);
    expect(await stateOf(host, "two")).toEqual({});
    expect((await two.sh(`ping -c 1 -W 5 ${one.address}`)).code).toBe(0);
    await two.end();
    await one.end();
    expect((await host.mdocker(["network", "rm", "wire"])).code).toBe(0);
  });
});
