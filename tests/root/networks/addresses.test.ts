import { describe, expect, test } from "vitest";
import { type TestHost, withTestHost } from "../../harness/host.ts";
import { startIdle } from "../../harness/idle.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";

async function onHost(act: (host: TestHost) => Promise<void>): Promise<void> {
  await withTestHost(
    async (host) => {
      await act(host);
      await host.mdocker(["gc", "--networks"]);
      await expectNothingLeft(host.fresh, "gone");
    },
    { image: await sharedLabImage() },
  );
}

/** Runs mdocker, which must succeed, and answers with what it printed. */
async function ok(host: TestHost, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await host.mdocker(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

const forwarding = ["cat", "/proc/sys/net/ipv6/conf/all/forwarding"];

describe("a network with IPv6", () => {
  test("gives addresses, a gateway that answers, and a way to each other; forwarding is put back", async () => {
    await onHost(async (host) => {
      expect(await host.hostRun(forwarding)).toBe("0\n");
      await ok(
        ...([host, "network", "create", "six", "--subnet", "10.77.1.0/24"] as const),
        ...["--subnet", "2001:db8:77::/64", "--ip-range", "10.77.1.64/26"],
        ...["--aux-address", "printer=10.77.1.64", "--ipv6"],
      );
      const one = await startIdle(host, "one", ["--network", "six"]);
      const two = await startIdle(host, "two", ["--network", "six:ip=10.77.1.9,ip6=2001:db8:77::99"]);
      expect((await one.sh("ip -o address show eth0 scope global")).output).toMatch(
        /inet 10\.77\.1\.65\/24 [\s\S]*inet6 2001:db8:77::41\/64 scope global/,
      );
      expect((await one.sh("ip -6 route show default")).output.trim()).toMatch(
        /^default via 2001:db8:77::1 dev eth0 /,
      );
      expect(
        (await one.sh("ping -6 -c 1 -W 5 2001:db8:77::1 && ping -6 -c 1 -W 5 2001:db8:77::99")).code,
      ).toBe(0);
      expect((await two.sh("ping -6 -c 1 -W 5 2001:db8:77::41")).code).toBe(0);
      expect((await one.sh("grep -c '2001:db8:77::41' /etc/hosts")).output.trim()).toBe("1");
      expect(await host.hostRun(forwarding)).toBe("1\n");
      const [document] = JSON.parse(await ok(host, "network", "inspect", "six")) as [
        {
          EnableIPv6: boolean;
          IPAM: { Config: unknown };
          Containers: Record<string, { IPv6Address: string }>;
        },
      ];
      expect(document).toMatchObject({
        EnableIPv6: true,
        IPAM: {
          Config: [
            {
              ...{ Subnet: "10.77.1.0/24", IPRange: "10.77.1.64/26", Gateway: "10.77.1.1" },
              AuxiliaryAddresses: { printer: "10.77.1.64" },
            },
            { Subnet: "2001:db8:77::/64", Gateway: "2001:db8:77::1" },
          ],
        },
      });
      expect(
        Object.values(document.Containers)
          .map(({ IPv6Address }) => IPv6Address)
          .sort(),
      ).toEqual(["2001:db8:77::41/64", "2001:db8:77::99/64"]);
      for (const [address, line] of [
        ["2001:db8:77::99", /container [0-9a-f]{12} has it on network six/],
        ["2001:db8:77::1", /that is the gateway of network six/],
        ["2001:db8:78::1", /outside of 2001:db8:77::\/64/],
      ] as const) {
        const { code, stderr } = await host.mdocker(["run", "--net", "six", "--ip6", address, "/bin/true"]);
        expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(line) });
      }
      await one.end();
      await two.end();
      await ok(host, "network", "rm", "six");
      expect(await host.hostRun(forwarding)).toBe("0\n");
    });
  });

  test("gets a unique local subnet of its own where none is named", async () => {
    await onHost(async (host) => {
      await ok(host, "network", "create", "--ipv6", "ula");
      const subnet = (await ok(host, "network", "ls", "--format", "{{.Name}} {{.Subnet6}}")).match(
        /^ula (.*)$/m,
      );
      expect(subnet?.[1]).toMatch(/^fd[0-9a-f]{2}:[0-9a-f:]+::\/64$/);
      const one = await startIdle(host, "one", ["--network", "ula"]);
      const gateway = subnet?.[1]?.replace("/64", "1");
      expect((await one.sh(`ping -6 -c 1 -W 5 ${gateway}`)).code).toBe(0);
      await one.end();
    });
  });
});

describe("a container on several networks", () => {
  test("leaves by the first that leads out, by the one that was chosen, and never by an internal one", async () => {
    await onHost(async (host) => {
      await ok(host, "network", "create", "inside", "--internal", "--subnet", "10.77.1.0/24");
      await ok(host, "network", "create", "red", "--subnet", "10.77.2.0/24");
      const routes = async (...networks: string[]) => {
        const flags = networks.flatMap((network) => ["--net", network]);
        return (await ok(host, "run", ...flags, "/bin/ip", "-4", "route", "show", "default")).replace(
          / proto static\s*/,
          "",
        );
      };
      expect(await routes("inside", "red")).toBe("default via 10.77.2.1 dev eth1");
      expect(await routes("inside", "red", "bridge:gw,ifname=up1")).toBe("default via 10.200.1.1 dev up1");
      expect(await routes("name=red,gw-priority=2", "name=bridge,gw-priority=1")).toBe(
        "default via 10.77.2.1 dev eth0",
      );
      expect(await routes("inside")).toBe("");
      const refused = await host.mdocker(["run", "--net", "inside:gw", "/bin/true"]);
      expect(refused).toMatchObject({
        code: 1,
        stderr: "mdocker: --network inside: gw: the network leads nowhere: it is internal\n",
      });
    });
  });

  test("has its default routes moved when it is connected and disconnected", async () => {
    await onHost(async (host) => {
      await ok(host, "network", "create", "inside", "--internal");
      await ok(host, "network", "create", "red", "--subnet", "10.77.2.0/24", "--subnet", "fd77:2::/64");
      await ok(host, "network", "create", "blue", "--subnet", "10.77.3.0/24", "--subnet", "fd77:3::/64");
      const one = await startIdle(host, "one", ["--network", "inside"]);
      const routes = async () => {
        const { output } = await one.sh("ip -4 route show default; ip -6 route show default");
        return [...output.matchAll(/^default via (\S+) dev (\S+)/gm)].map(([, via, dev]) => `${via} ${dev}`);
      };
      expect(await routes()).toEqual([]);
      await ok(host, "network", "connect", "red", "one");
      expect(await routes()).toEqual(["10.77.2.1 eth1", "fd77:2::1 eth1"]);
      await ok(
        ...([host, "network", "connect", "--gw-priority", "1", "--ifname", "up9", "--alias", "uno"] as const),
        ...["--ip", "10.77.3.7", "--ip6", "fd77:3::77", "--link-local-ip", "169.254.3.3", "blue", "one"],
      );
      expect(await routes()).toEqual(["10.77.3.1 up9", "fd77:3::1 up9"]);
      expect((await one.sh("ip -o address show up9")).output).toMatch(
        /10\.77\.3\.7\/24[\s\S]*169\.254\.3\.3\/16[\s\S]*fd77:3::77\/64/,
      );
      expect((await one.sh(`ping -c 1 -W 5 ${host.outside.address}`)).code).toBe(0);
      expect((await host.mdocker(["verify", "one"])).code).toBe(0);
      await ok(host, "network", "disconnect", "blue", "one");
      expect(await routes()).toEqual(["10.77.2.1 eth1", "fd77:2::1 eth1"]);
      expect((await one.sh("grep -c 'fd77:3::77\\|10.77.3.7' /etc/hosts")).output.trim()).toBe("0");
      expect((await host.mdocker(["verify", "one"])).code).toBe(0);
      await ok(host, "network", "disconnect", "red", "one");
      expect(await routes()).toEqual([]);
      expect((await host.mdocker(["network", "connect", "--ifname", "eth0", "red", "one"])).stderr).toBe(
        "mdocker: container one has an interface eth0 already\n",
      );
      await one.end();
    });
  });
});

test("twenty networks are up at once, each with its container", async () => {
  await onHost(async (host) => {
    const names = Array.from({ length: 20 }, (_, at) => `n${at}`);
    const flags = names.flatMap((name) => ["--net", name]);
    for (const name of names) await ok(host, "network", "create", name);
    const shown = await ok(
      host,
      "run",
      ...flags,
      "/bin/ip",
      "-o",
      "-4",
      "address",
      "show",
      "scope",
      "global",
    );
    const subnets = [...shown.matchAll(/inet (10\.200\.\d+)\.2\/24/g)].map(([, subnet]) => subnet);
    expect(new Set(subnets).size).toBe(20);
    await ok(host, "network", "rm", ...names);
  });
});
