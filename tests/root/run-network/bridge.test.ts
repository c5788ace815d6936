import { describe, expect, test } from "vitest";
import { withTestHost } from "../../harness/host.ts";
import { inspect, startIdle } from "../../harness/idle.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";

const macOf = (address: string): string =>
  ["02", "42", ...address.split(".").map((part) => Number(part).toString(16).padStart(2, "0"))].join(":");

describe("containers on the bridge", () => {
  test("two reach each other, the gateway, and themselves by name", async () => {
    const image = await sharedLabImage();
    await withTestHost(
      async (host) => {
        const one = await startIdle(host, "one");
        const two = await startIdle(host, "two", ["--hostname", "second"]);
        expect([one.address, two.address]).toEqual(["10.200.1.2", "10.200.1.3"]);
        for (const target of [two.address, "10.200.1.1", "127.0.0.1", "$(hostname)"]) {
          const { code, output } = await one.sh(`ping -c 1 -W 5 ${target}`);
          expect({ target, code, output }).toMatchObject({ target, code: 0 });
        }
        const back = await two.sh(`ping -c 1 -W 5 ${one.address} && ping -c 1 -W 5 second`);
        expect(back.code).toBe(0);
        expect(back.output).toContain(`PING second (${two.address})`);
        // The host itself reaches them, and nothing of the command line is needed for it.
        await host.hostRun(["ping", "-c", "1", "-W", "5", two.address]);
        expect((await one.end()).code).toBe(0);
        expect((await two.end()).code).toBe(0);
        await host.mdocker(["gc", "--networks"]);
        await expectNothingLeft(host.fresh, "gone");
      },
      { image },
    );
  });

  test("eth0 has its address, its MAC and the MTU of the way out; the default route leads to the gateway", async () => {
    const image = await sharedLabImage();
    await withTestHost(
      async (host) => {
        const one = await startIdle(host, "one");
        const { endpoints } = await inspect(host, "one");
        expect(endpoints).toMatchObject([
          { ifname: "eth0", address: "10.200.1.2", prefixLength: 24, gateway: "10.200.1.1" },
        ]);
        const link = await one.sh("ip -o link show eth0");
        expect(link.output).toContain(" mtu 1430 ");
        expect(link.output).toContain(`link/ether ${macOf("10.200.1.2")} `);
        expect(link.output).toMatch(/<[^>]*\bUP,LOWER_UP/);
        expect((await one.sh("ip -o -4 address show eth0")).output).toMatch(/inet 10\.200\.1\.2\/24 /);
        expect((await one.sh("ip -o link")).output.match(/^\d+: [^:@]+/gm)).toEqual([
          "1: lo",
          expect.stringMatching(/^\d+: eth0$/),
        ]);
        expect((await one.sh("ip route")).output.split("\n").map((line) => line.trim())).toEqual([
          "default via 10.200.1.1 dev eth0 proto static",
          "10.200.1.0/24 dev eth0 proto kernel scope link src 10.200.1.2",
        ]);
        // The other end says whose it is.
        const [endpoint] = endpoints;
        const outer = await host.hostRun(["ip", "-o", "link", "show", endpoint?.hostName ?? ""]);
        expect(outer).toContain(` master ${host.place.prefix}0 `);
        expect(outer).toContain(" mtu 1430 ");
        expect(outer).toMatch(new RegExp(`alias ${host.place.prefix}:[0-9a-f]{64}:bridge`));
        await one.end();
      },
      { image, script: "ip link set up0 mtu 1430\n" },
    );
  });

  test("the whole subnet's addresses are the containers' own: ping needs no capability", async () => {
    const image = await sharedLabImage();
    await withTestHost(
      async (host) => {
        const { code, stdout, stderr } = await host.mdocker([
          ...["run", "--cap-drop", "ALL", "--user", "1000:1000", "/bin/sh", "-c"],
          "grep -E '^Cap(Prm|Eff|Bnd|Amb)' /proc/self/status; cat /proc/sys/net/ipv4/ping_group_range; ping -c 1 -W 5 10.200.1.1",
        ]);
        expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
        expect(stdout.match(/^Cap\w+:\s+0{16}$/gm)).toHaveLength(4);
        expect(stdout).toMatch(/^0\s+2147483647$/m);
        expect(stdout).toContain("1 received");
      },
      { image },
    );
  });

  test("twelve at once have twelve addresses", async () => {
    const image = await sharedLabImage();
    await withTestHost(
      async (host) => {
        const running = Array.from({ length: 12 }, (_, at) => startIdle(host, `c${at}`));
        const idle = await Promise.all(running);
        expect(new Set(idle.map(({ address }) => address)).size).toBe(12);
        const [first] = idle;
        for (const { address } of idle) {
          expect((await first?.sh(`ping -c 1 -W 5 ${address}`))?.code).toBe(0);
        }
        await Promise.all(idle.map((container) => container.end()));
      },
      { image },
    );
  });

  test("who has another's address is known to those who remember that one", async () => {
    const image = await sharedLabImage();
    await withTestHost(
      async (host) => {
        const peer = await startIdle(host, "peer");
        const where = ["--ip", "10.200.1.77", "--mac-address"];
        const first = await startIdle(host, "first", [...where, "02:ab:cd:00:00:01"]);
        expect((await peer.sh("ping -c 1 -W 5 10.200.1.77")).code).toBe(0);
        await first.end();
        const second = await startIdle(host, "second", [...where, "02:ab:cd:00:00:02"]);
        await expect
          .poll(async () => (await peer.sh("ip neighbour show 10.200.1.77")).output)
          .toContain("02:ab:cd:00:00:02");
        await second.end();
        await peer.end();
      },
      { image },
    );
  });

  test("its settings hold when the link comes up, however fast that is", async () => {
    const image = await sharedLabImage();
    await withTestHost(
      async (host) => {
        const settings = ["ipv6/conf/eth0/accept_dad", "ipv6/conf/eth0/accept_ra"];
        for (let round = 0; round < 5; round += 1) {
          const { stdout } = await host.mdocker([
            ...["run", "/bin/sh", "-c", 'cd /proc/sys/net; grep -H . "$@"; ip -o -6 address show eth0', "sh"],
            ...settings,
          ]);
          expect(stdout).not.toContain("tentative");
          expect(stdout.match(/^.*conf.*$/gm)).toEqual([
            "ipv6/conf/eth0/accept_dad:0",
            "ipv6/conf/eth0/accept_ra:0",
          ]);
        }
      },
      { image },
    );
  });
});
