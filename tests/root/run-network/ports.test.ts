import { describe, expect, test, vi } from "vitest";
import { startGreeter } from "../../harness/greeter.ts";
import { type TestHost, withTestHost } from "../../harness/host.ts";
import { startIdle } from "../../harness/idle.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";

// Far more than is needed: many programs are started, perhaps by a busy machine.
vi.setConfig({ testTimeout: 240_000 });

const lines = `
ip -6 address add fd77::1/64 dev up0 nodad
`;

async function onHost(act: (host: TestHost) => Promise<void>, backend?: string): Promise<void> {
  await withTestHost(
    async (plain) => {
      const host = backend === undefined ? plain : using(plain, backend);
      await host.outsideRun(["ip", "-6", "address", "add", "fd77::2/64", "dev", "up0", "nodad"]);
      await act(host);
      await host.mdocker(["gc", "--networks"]);
      await expectNothingLeft(host.fresh, "gone");
    },
    { image: await sharedLabImage(), script: lines },
  );
}

/** A host whose mdocker uses that backend. */
function using(host: TestHost, backend: string): TestHost {
  const env = { MDOCKER_IPTABLES: backend };
  return {
    ...host,
    mdocker: (args, more) => host.mdocker(args, { ...more, env }),
    start: (args, more) => host.start(args, { ...more, env }),
  };
}

/** Calls a port and says what was answered: nothing, when it was refused, or dropped for so many seconds. */
const call = (address: string, port: number, seconds = 10, flags = ""): string[] => [
  "sh",
  "-c",
  `nc -N -w ${seconds} ${flags} ${address} ${port} </dev/null 2>/dev/null || true`,
];
const ask = (address: string, port: number): string[] => [
  "sh",
  "-c",
  `echo ping | nc -u -w 2 ${address} ${port} 2>/dev/null || true`,
];

describe("a port", () => {
  test("is open to whom it was published for, and to nobody else", async () => {
    await onHost(async (host) => {
      const { address: here } = host;
      const there = host.outside.address;
      const ports = ["-p", "8080:80", "-p", "0.0.0.0:8081:80", "-p", "0.0.0.0:5300:53/udp"];
      const web = await startIdle(host, "web", ports);
      const near = await startIdle(host, "near");
      await host.mdocker(["network", "create", "red"]);
      const far = await startIdle(host, "far", ["--network", "red"]);
      const stop = await startGreeter(web.pid, [80, 81], [53]);

      // The host, by localhost and by its address.
      expect(await host.hostRun(call("127.0.0.1", 8080))).toBe("welcome 10.200.1.1\n");
      expect(await host.hostRun(call("127.0.0.1", 8081))).toBe("welcome 10.200.1.1\n");
      expect(await host.hostRun(call(here, 8080, 1))).toBe("");
      expect(await host.hostRun(call(here, 8081))).toBe(`welcome ${here}\n`);
      expect(await host.hostRun(ask("127.0.0.1", 5300))).toBe("ping\n");
      // The outside, which is seen as it is; it knows no way to the subnet, or does.
      expect(await host.outsideRun(call(here, 8081))).toBe(`welcome ${there}\n`);
      expect(await host.outsideRun(call(here, 8080, 1))).toBe("");
      expect(await host.outsideRun(ask(here, 5300))).toBe("ping\n");
      await host.outsideRun(["ip", "route", "add", "10.200.0.0/16", "via", here]);
      expect(await host.outsideRun(call(web.address, 80, 1))).toBe("");
      expect(await host.outsideRun(call(web.address, 81, 1))).toBe("");
      // A neighbour of the host that sends to its 127.0.0.1.
      const lo =
        "ip route del local 127.0.0.0/8 dev lo table local; ip route del local 127.0.0.1 dev lo table local";
      const trick = `echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet; ${lo}; ip route add 127.0.0.0/8 via ${here}`;
      await host.outsideRun(["sh", "-c", trick]);
      expect(await host.outsideRun(call("127.0.0.1", 8080, 1, `-s ${there}`))).toBe("");
      const refused = await host.hostRun(["sh", "-c", `iptables-nft-save -c -t raw | grep 'dport 8080'`]);
      expect(refused).not.toMatch(/^\[0:/);
      // Containers: itself, its neighbour, one of another network, each by the host; and past it.
      for (const one of [web, near, far])
        expect((await one.sh(`nc -N -w 5 ${here} 8081 </dev/null`)).output).toMatch(/^welcome 10\.200\./);
      expect((await near.sh(`nc -N -w 5 ${web.address} 81 </dev/null`)).output).toBe(
        `welcome ${near.address}`,
      );
      expect((await far.sh(`nc -N -w 1 ${web.address} 80 </dev/null`)).output).not.toContain("welcome");
      expect((await far.sh(`nc -N -w 1 ${here} 8080 </dev/null`)).output).not.toContain("welcome");

      await stop();
      for (const one of [web, near, far]) await one.end();
      expect(await host.hostRun(["sh", "-c", "iptables-save; iptables-legacy-save"])).not.toContain("808");
      expect((await host.mdocker(["network", "rm", "red"])).code).toBe(0);
    }, "nft");
  });

  test("is so by iptables-legacy, too", async () => {
    await onHost(async (host) => {
      const { address: here } = host;
      const web = await startIdle(host, "web", ["-p", "8080:80", "-p", "0.0.0.0:8081:80"]);
      const stop = await startGreeter(web.pid, [80]);
      expect(await host.hostRun(call("127.0.0.1", 8080))).toBe("welcome 10.200.1.1\n");
      expect(await host.outsideRun(call(here, 8081))).toBe(`welcome ${host.outside.address}\n`);
      await host.outsideRun(["ip", "route", "add", "10.200.0.0/16", "via", here]);
      expect(await host.outsideRun(call(web.address, 80, 1))).toBe("");
      expect((await web.sh(`nc -N -w 5 ${here} 8081 </dev/null`)).output).toMatch(/^welcome 10\.200\./);
      await stop();
      await web.end();
      expect(await host.hostRun(["iptables-legacy-save"])).not.toContain("808");
    }, "legacy");
  });
});

test("without icc neighbours do not meet, by published ports neither; an internal network has none", async () => {
  await onHost(async (host) => {
    const { address: here } = host;
    await host.mdocker(["network", "create", "-o", "icc=false", "apart"]);
    await host.mdocker(["network", "create", "--internal", "inside"]);
    const web = await startIdle(host, "web", ["--network", "apart", "-p", "0.0.0.0:8081:80"]);
    const near = await startIdle(host, "near", ["--network", "apart"]);
    const stop = await startGreeter(web.pid, [80, 81]);
    for (const [address, port] of [
      [web.address, 80],
      [here, 8081],
    ] as const)
      expect((await near.sh(`nc -N -w 1 ${address} ${port} </dev/null`)).output).not.toContain("welcome");
    expect(await host.outsideRun(call(here, 8081))).toMatch(/^welcome /);
    expect(await host.hostRun(call("127.0.0.1", 8081))).toMatch(/^welcome /);
    const inside = await host.mdocker([
      "run",
      "--network",
      "inside",
      "-p",
      "8082:80",
      "/bin/nc",
      "-w",
      "1",
      here,
      "8081",
    ]);
    expect(inside.code).not.toBe(0);
    expect(inside.stderr).toContain(
      "mdocker: no port is published: nothing outside reaches network inside\n",
    );
    await stop();
    await near.end();
    await web.end();
    expect((await host.mdocker(["network", "rm", "apart", "inside"])).code).toBe(0);
  });
});

test("a network with IPv6 publishes by IPv6, and hides what it does not", async () => {
  await onHost(async (host) => {
    const made = await host.mdocker(["network", "create", "--ipv6", "--subnet", "fd78::/64", "six"]);
    expect(made.stderr).toBe("");
    const refused = await host.mdocker(["run", "-p", "[::]:8080:80", "/bin/true"]);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/network bridge has no IPv6/) });
    const web = await startIdle(host, "web", ["--network", "six", "-p", "[::]:8080:80", "-p", "8080:81"]);
    const near = await startIdle(host, "near", ["--network", "six"]);
    const stop = await startGreeter(web.pid, [80, 81]);
    expect(await host.outsideRun(call("fd77::1", 8080))).toBe("welcome fd77::2\n");
    expect(await host.hostRun(call("fd77::1", 8080))).toMatch(/^welcome fd/);
    expect(await host.hostRun(call("::1", 8080, 1))).toBe("");
    expect(await host.hostRun(call("127.0.0.1", 8080))).toMatch(/^welcome 10\./);
    const inner =
      (await web.sh("ip -6 -o address show dev eth0 scope global")).output.match(/fd78::[0-9a-f:]+/)?.[0] ??
      "";
    await host.outsideRun(["ip", "-6", "route", "add", "fd78::/64", "via", "fd77::1"]);
    for (const port of [80, 81]) expect(await host.outsideRun(call(inner, port, 1))).toBe("");
    for (const one of [web, near])
      expect((await one.sh("nc -N -w 5 fd77::1 8080 </dev/null")).output).toMatch(/^welcome fd78::/);
    await stop();
    await near.end();
    await web.end();
    expect(await host.hostRun(["ip6tables-save"])).not.toContain("8080");
    expect((await host.mdocker(["network", "rm", "six"])).code).toBe(0);
  });
});

test("a port that is taken ends the start before anything is made, and says who has it", async () => {
  await onHost(async (host) => {
    const fail = async (line: RegExp, ...args: string[]): Promise<void> => {
      const { code, stderr } = await host.mdocker(["run", ...args, "/bin/true"]);
      expect(stderr.split("\n").filter((text) => !text.includes("published on 0.0.0.0"))).toEqual([
        expect.stringMatching(line),
        "",
      ]);
      expect(code).toBe(2);
    };
    const stop = await startGreeter(host.pid, [9000, 9001]);
    await fail(
      /^mdocker: -p 127\.0\.0\.1:9000:80: 127\.0\.0\.1:9000\/tcp is in use by \S+ \(pid \d+\): /,
      "-p",
      "9000:80",
    );
    await fail(/none of the ports 9000 to 9001 is free/, "-p", "9000-9001:80");
    await fail(/no interface of the host has the address 198\.51\.100\.1/, "-p", "198.51.100.1:80:80");
    // Nothing, not even the network.
    await expectNothingLeft(host.fresh, "gone");
    const one = await startIdle(host, "one", ["-p", "9000-9002:80", "-p", "9010-9011:90-91", "-p", "70/udp"]);
    const shown = await host.mdocker(["port", "one"]);
    expect(shown.stdout).toMatch(
      /^70\/udp -> 127\.0\.0\.1:\d+\n80\/tcp -> 127\.0\.0\.1:9002\n90\/tcp -> 127\.0\.0\.1:9010\n91\/tcp -> 127\.0\.0\.1:9011\n$/,
    );
    expect((await host.mdocker(["port", "one", "90"])).stdout).toBe("127.0.0.1:9010\n");
    expect((await host.mdocker(["port", "one", "92"])).stderr).toBe(
      "mdocker: no public port 92/tcp published for one\n",
    );
    expect((await host.mdocker(["ps", "--format", "{{.Ports}}"])).stdout).toMatch(
      /^127\.0\.0\.1:\d+->70\/udp, 127\.0\.0\.1:9002->80\/tcp, 127\.0\.0\.1:9010-9011->90-91\/tcp\n$/,
    );
    await fail(/127\.0\.0\.1:9010\/tcp is in use by container one \([0-9a-f]{12}\)/, "-p", "9010:80");
    await stop();
    await one.end();
    // Of those who want the same at once, one has it.
    const rivals = ["a", "b", "c"].map((name) =>
      host.start(["run", "-i", "-p", "9010:80", "/bin/sh", "-c", `echo ${name}; read end`]),
    );
    const ends = rivals.map(async ({ says, ended }) =>
      says(/^[abc]$/m).then(
        () => "runs",
        async () => (await ended).code,
      ),
    );
    const first = await Promise.all(ends);
    expect([...first].sort()).toEqual([2, 2, "runs"]);
    for (const { child } of rivals) child.stdin.end("\n");
    await Promise.all(rivals.map(({ ended }) => ended));
  });
});

test("what is explained is what is done, and what a killed container published goes with the next start or gc", async () => {
  await onHost(async (host) => {
    const rules = async (): Promise<string> =>
      host.hostRun(["sh", "-c", "iptables-save | grep 8080 || true"]);
    const traced = await host.mdocker(["run", "--trace-setup", "-p", "8080:80", "/bin/true"]);
    const explained = await host.mdocker(["run", "--explain", "-p", "8080:80", "/bin/true"]);
    for (const { stdout, stderr } of [traced, explained]) {
      const text = `${stdout}${stderr}`;
      expect(text).toContain("bind(socket, 127.0.0.1:8080/tcp)");
      expect(text).toMatch(/iptables -t nat -A \S+ -d 127\.0\.0\.1\/32 -p tcp -m tcp --dport 8080/);
    }
    const json = await host.mdocker(["run", "--explain", "--json", "-p", "8080:80", "/bin/true"]);
    const actions = JSON.parse(json.stdout) as { kind: string; text: string; reason: string }[];
    expect(
      actions.filter(({ kind, text }) => kind === "iptables" && text.includes("--dport 80")),
    ).toHaveLength(4);
    expect(await rules()).toBe("");

    const one = await startIdle(host, "one", ["-p", "8080:80"]);
    const { monitor, owner } = JSON.parse((await host.mdocker(["inspect", "one"])).stdout)[0] as Record<
      "monitor" | "owner",
      { pid: number }
    >;
    expect(await rules()).not.toBe("");
    process.kill(owner.pid, "SIGKILL");
    expect((await one.end()).code).toBe(137);
    // Its monitor ends it, and cannot do more: the next start does.
    const next = await host.mdocker(["run", "--name", "next", "-p", "8080:80", "/bin/true"]);
    expect(next).toMatchObject({ code: 0, stderr: "" });
    expect(await rules()).toBe("");

    const two = await startIdle(host, "two", ["-p", "8080:80"]);
    const pids = JSON.parse((await host.mdocker(["inspect", "two"])).stdout)[0] as Record<
      "monitor" | "owner",
      { pid: number }
    >;
    for (const { pid } of [pids.owner, pids.monitor]) process.kill(pid, "SIGKILL");
    await two.end();
    expect(await rules()).not.toBe("");
    expect(monitor.pid).toBeGreaterThan(0);
    expect((await host.mdocker(["gc"])).code).toBe(0);
    expect(await rules()).toBe("");
  });
});
