import { describe, expect, test } from "vitest";
import { type TestHost, withTestHost } from "../../harness/host.ts";
import { inspect, startIdle } from "../../harness/idle.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";

/** Runs `act` on a throw-away host with the default image. */
async function onHost(act: (host: TestHost) => Promise<void>, script?: string): Promise<void> {
  await withTestHost(act, { image: await sharedLabImage(), script });
}

const names = (text: string): string[] => [...text.matchAll(/^\d+: ([^:@]+)/gm)].map(([, name = ""]) => name);

describe("--net none", () => {
  test("has the loopback, up, and no other link, no way out, and no network is made for it", async () => {
    await onHost(async (host) => {
      const one = await startIdle(host, "one", ["--net", "none"]);
      const links = await one.sh("ip -o link");
      expect(names(links.output)).toEqual(["lo"]);
      expect(links.output).toMatch(/<LOOPBACK,UP,LOWER_UP>/);
      expect((await one.sh("ip route; ping -c 1 -W 5 127.0.0.1 >/dev/null && echo answers")).output).toBe(
        "answers",
      );
      expect((await one.sh('ping -c 1 -W 5 "$(hostname)" >/dev/null && echo answers')).output).toBe(
        "answers",
      );
      expect((await one.sh(`ping -c 1 -W 5 ${host.outside.address}`)).output).toMatch(
        /Network is unreachable/i,
      );
      expect((await inspect(host, "one")).endpoints).toEqual([]);
      expect(names(await host.hostRun(["ip", "-o", "link"]))).toEqual(["lo", "up0"]);
      await one.end();
      await expectNothingLeft(host.fresh, "gone");
    });
  });
});

describe("--net host", () => {
  test("has the host's links, addresses and ports", async () => {
    await onHost(async (host) => {
      const one = await startIdle(host, "one", ["--net", "host", "--cap-add", "NET_RAW"]);
      expect((await one.sh("readlink /proc/self/ns/net")).output).toBe(
        (await host.hostRun(["readlink", "/proc/self/ns/net"])).trim(),
      );
      expect(names((await one.sh("ip -o link")).output)).toEqual(["lo", "up0"]);
      expect((await one.sh(`ping -c 1 -W 5 ${host.outside.address} >/dev/null && echo answers`)).output).toBe(
        "answers",
      );
      await one.end();
      await expectNothingLeft(host.fresh, "gone");
    });
  });

  test("keeps a host name of its own, which resolves, beside the names the host knows", async () => {
    await onHost(
      async (host) => {
        const before = await host.hostRun(["hostname"]);
        const one = await startIdle(host, "one", [
          ...["--net", "host", "--hostname", "mine", "--add-host", "db:192.0.2.9"],
        ]);
        expect((await one.sh("hostname; cat /etc/hostname")).output).toBe("mine\nmine");
        expect((await one.sh("getent ahostsv4 mine | head -n 1")).output).toMatch(/^127\.0\.1\.1\s/);
        expect((await one.sh("getent ahostsv4 db | head -n 1")).output).toMatch(/^192\.0\.2\.9\s/);
        expect((await one.sh("getent ahostsv4 known-to-the-host | head -n 1")).output).toMatch(
          /^192\.0\.2\.7\s/,
        );
        await one.end();
        expect(await host.hostRun(["hostname"])).toBe(before);
      },
      `cp /etc/hosts /run/hosts-of-test 2>/dev/null || true
hosts=$(mktemp); cat /etc/hosts > $hosts; echo "192.0.2.7 known-to-the-host" >> $hosts
mount --bind $hosts /etc/hosts; rm -f $hosts /run/hosts-of-test
`,
    );
  });

  test("a setting of the host's network cannot be asked for", async () => {
    await onHost(async (host) => {
      const { code, stderr } = await host.mdocker([
        ...["run", "--net", "host", "--sysctl", "net.ipv4.ip_forward=1", "/bin/true"],
      ]);
      expect(stderr).toMatch(/^mdocker: --sysctl[^\n]*net\.ipv4\.ip_forward[^\n]*\n$/);
      expect(code).toBe(1);
      expect(await host.hostRun(["cat", "/proc/sys/net/ipv4/ip_forward"])).toBe("0\n");
    });
  });
});

describe("--net container:NAME", () => {
  test("shares links, addresses, ports, host name and names with the other, and ends alone", async () => {
    await onHost(async (host) => {
      const one = await startIdle(host, "one", ["--hostname", "first", "--add-host", "db:192.0.2.9"]);
      const two = await startIdle(host, "two", ["--net", "container:one"]);
      expect((await two.sh("readlink /proc/self/ns/net")).output).toBe(
        (await one.sh("readlink /proc/self/ns/net")).output,
      );
      expect((await two.sh("ip -o -4 address show eth0")).output).toContain(`inet ${one.address}/24`);
      expect((await two.sh("hostname")).output).toBe("first");
      for (const file of ["hosts", "hostname", "resolv.conf"]) {
        expect(await two.sh(`cat /etc/${file}`)).toEqual(await one.sh(`cat /etc/${file}`));
      }
      expect((await two.sh("getent ahostsv4 db | head -n 1")).output).toMatch(/^192\.0\.2\.9/);
      expect((await two.sh("ping -c 1 -W 5 first")).code).toBe(0);
      // What listens in one answers the other on the loopback.
      await one.sh("(echo shared | nc -l -N 127.0.0.1 4711 >/dev/null) &");
      const said = await two.sh("until nc -N 127.0.0.1 4711 </dev/null; do :; done");
      expect(said.output).toContain("shared");
      expect((await inspect(host, "two")).endpoints).toEqual([]);
      await two.end();
      expect((await one.sh("ping -c 1 -W 5 10.200.1.1")).code).toBe(0);
      await one.end();
    });
  });

  test("outlives the other, whose address is nobody else's business then", async () => {
    await onHost(async (host) => {
      const one = await startIdle(host, "one");
      const two = await startIdle(host, "two", ["--net", "container:one"]);
      await one.end();
      expect((await two.sh("ip -o link show lo")).output).toContain("LOOPBACK,UP");
      expect((await two.end()).code).toBe(0);
    });
  });

  test("a container that is not running, or not there, is refused in one line", async () => {
    await onHost(async (host) => {
      expect(
        (await host.mdocker(["run", "--keep", "--name", "done", "--net", "none", "/bin/true"])).code,
      ).toBe(0);
      expect(await host.mdocker(["run", "--net", "container:done", "/bin/true"])).toEqual({
        code: 1,
        stdout: "",
        stderr: "mdocker: --network container:done: container done is not running\n",
      });
      expect(await host.mdocker(["run", "--net", "container:nobody", "/bin/true"])).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^mdocker: [^\n]*no such container: nobody[^\n]*\n$/),
      });
      await host.mdocker(["rm", "done"]);
      await expectNothingLeft(host.fresh, "gone");
    });
  });

  test("of one with the host's network has the host's", async () => {
    await onHost(async (host) => {
      const one = await startIdle(host, "one", ["--net", "host"]);
      const two = await startIdle(host, "two", ["--net", "container:one"]);
      expect(names((await two.sh("ip -o link")).output)).toEqual(["lo", "up0"]);
      await two.end();
      await one.end();
    });
  });
});

describe("a network that does not exist", () => {
  test.each(["nowhere", "bridge/../x", ""])("%j is refused in one line", async (network) => {
    await onHost(async (host) => {
      const { code, stdout, stderr } = await host.mdocker(["run", "--net", network, "/bin/true"]);
      expect(stderr).toMatch(/^mdocker: --net(work)?: [^\n]*expected [^\n]*\n$/);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    });
  });
});
