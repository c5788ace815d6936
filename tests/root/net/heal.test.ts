import { expect, test } from "vitest";
import { type TestHost, withTestHost } from "../../harness/host.ts";
import { startIdle } from "../../harness/idle.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";
import { endSupervisor } from "../../harness/supervisor.ts";

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

/** Links, addresses, routes, rules and settings, as far as mending them matters. */
function state(host: TestHost): Promise<string> {
  return host.hostRun([
    "/bin/sh",
    "-c",
    `ip -o -d link | sed -E '
       s/^[0-9]+: //; s/@if[0-9]+//; s/NO-CARRIER,//; s/ (qlen|state|link-netnsid|promiscuity|allmulti) [^ ]+//g
       s/ bridge forward_delay.*//; s/link.ether [^ ]+ (.*) (isolated (on|off)).* alias/\\2 alias/'  | sort
     ip -o address | sed -E 's/^[0-9]+: //; s/valid_lft.*//; /fe80/d' | sort
     (ip route; ip -6 route) | sed 's/ linkdown//; /fe80/d; s/ *$//' | sort
     iptables-save | sed 's/\\[[0-9:]*\\]//; /^#/d'; ip6tables-save | sed 's/\\[[0-9:]*\\]//; /^#/d'
     cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/*/rp_filter /proc/sys/net/ipv4/conf/*/route_localnet`,
  ]);
}

test("what others have changed of networks is mended, thing by thing, and nothing else", async () => {
  await onHost(async (host) => {
    const { prefix } = host.place;
    const bridge = `${prefix}0`;
    expect(await ok(host, "network", "reload")).toBe("nothing to mend\n");
    await ok(
      host,
      "network",
      "create",
      "apart",
      "-o",
      "icc=false",
      "-o",
      "bridge=brapart",
      "--subnet",
      "10.77.1.0/24",
    );
    const one = await startIdle(host, "one", ["-p", "8080:80", "-p", "0.0.0.0:8081:81"]);
    const two = await startIdle(host, "two", ["--network", "apart"]);
    const links = await ok(
      host,
      "inspect",
      "--format",
      "{{range .endpoints}}{{.hostName}} {{end}}",
      "one",
      "two",
    );
    const [first = "", second = ""] = links.trim().split(/\s+/);
    expect(await ok(host, "network", "reload")).toBe("nothing to mend\n");
    const before = await state(host);
    const cases: readonly (readonly [string, readonly string[]])[] = [
      [`ip link set ${bridge} down`, [`bridge ${bridge} was down`]],
      [`ip address del 10.200.1.1/24 dev ${bridge}`, [`bridge ${bridge} had no address 10.200.1.1/24`]],
      ["ip route del 10.77.1.0/24", ["the route to 10.77.1.0/24 by bridge brapart was missing"]],
      [
        `ip link set ${first} nomaster`,
        [
          `link ${first} of container one was not on bridge ${bridge}`,
          `link ${first} of container one had no hairpin mode`,
        ],
      ],
      [
        `ip link set ${first} type bridge_slave hairpin off`,
        [`link ${first} of container one had no hairpin mode`],
      ],
      [`ip link set ${first} down`, [`link ${first} of container one was down`]],
      [
        `ip link set ${first} mtu 1400`,
        [`link ${first} of container one had an MTU of 1400 instead of 1500`],
      ],
      [
        `ip link set ${second} type bridge_slave isolated off`,
        [`link ${second} of container two was not isolated`],
      ],
      [
        `ip link set ${second} nomaster`,
        [
          `link ${second} of container two was not on bridge brapart`,
          `link ${second} of container two was not isolated`,
        ],
      ],
      [`ip link set ${second} alias ''`, [`link ${second} of container two had lost its alias`]],
      ["ip link set brapart alias ''", ["bridge brapart had lost its alias"]],
      [
        "ip link set brapart address 02:11:22:33:44:55",
        ["bridge brapart had the MAC address 02:11:22:33:44:55 instead of 02:42:0a:4d:01:01"],
      ],
      ["echo 0 > /proc/sys/net/ipv4/ip_forward", ["net.ipv4.ip_forward was 0 instead of 1"]],
      [
        `echo 1 > /proc/sys/net/ipv4/conf/${bridge}/rp_filter`,
        [`net.ipv4.conf.${bridge}.rp_filter was 1 instead of 2`],
      ],
      [
        `echo 0 > /proc/sys/net/ipv4/conf/${bridge}/route_localnet`,
        [`net.ipv4.conf.${bridge}.route_localnet was 0 instead of 1`],
      ],
      [
        `iptables -D ${prefix.toUpperCase()}-FORWARD 1`,
        [`1 rule of chain ${prefix.toUpperCase()}-FORWARD (filter) was missing`],
      ],
      [
        `iptables -t nat -A ${prefix.toUpperCase()} -p tcp -j RETURN`,
        [`1 rule too many in chain ${prefix.toUpperCase()} (nat)`],
      ],
      ["iptables -F FORWARD", ["2 rules of chain FORWARD (filter) were missing"]],
      [
        `ip link del ${first}`,
        [`link ${first} of container one was missing`, `link ${first} of container one had no hairpin mode`],
      ],
      [
        "ip link del brapart",
        [
          "bridge brapart was missing",
          `link ${second} of container two was not on bridge brapart`,
          `link ${second} of container two was not isolated`,
        ],
      ],
    ];
    // Several at once, where one does not hide the other.
    const groups = [
      [0, 1, 2, 4],
      [3, 5, 6, 9],
      [7, 11, 12],
      [8, 10, 13],
      [14, 15, 16, 17],
      [18, 19],
    ];
    expect(groups.flat().sort((one, other) => one - other)).toEqual([...cases.keys()]);
    for (const group of groups) {
      const chosen = group.flatMap((at) => [cases[at] ?? (["", []] as const)]);
      await host.hostRun(["/bin/sh", "-ec", chosen.map(([damage]) => damage).join("\n")]);
      const mended = (await ok(host, "network", "reload")).split("\n").slice(0, -1);
      expect(mended.sort()).toEqual(
        chosen.flatMap(([, faults]) => faults.map((it) => `mended: ${it}`)).sort(),
      );
      expect(await state(host)).toBe(before);
    }
    await host.hostRun(["/bin/sh", "-c", "iptables -t nat -F; iptables -F"]);
    const flushed = await state(host);
    const told = await ok(host, "network", "reload", "--dry-run");
    expect(told).toContain(`2 rules of chain FORWARD (filter) were missing\n`);
    expect(await ok(host, "network", "reload", "--explain")).toContain(
      `iptables -t filter -I ${prefix.toUpperCase()}-FORWARD 1 `,
    );
    expect(await state(host)).toBe(flushed);
    expect(await ok(host, "network", "reload")).toBe(told.replaceAll(/^/gm, "mended: ").slice(0, -8));
    expect(await ok(host, "network", "reload")).toBe("nothing to mend\n");
    expect(await state(host)).toBe(before);
    expect(await one.sh("ping -c1 -W1 10.200.1.1")).toMatchObject({ code: 0 });
    expect(await two.sh(`ping -c1 -W1 ${host.outside.address}`)).toMatchObject({ code: 0 });
    await one.end();
    await two.end();
    await ok(host, "network", "rm", "apart");
  });
});

interface HealEvent {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
}

/** Starts a supervisor, and listens to what it mends. */
async function withEvents(
  host: TestHost,
  act: (next: (pattern: RegExp) => Promise<HealEvent>) => Promise<void>,
): Promise<void> {
  // Also what comes before it listens.
  const events = host.start(["events", "--since", "1h", "--filter", "type=network", "--format", "json"]);
  try {
    await act(async (pattern) => {
      const [text] = await events.says(new RegExp(`^.*"Type":"network".*(?:${pattern.source}).*$`, "m"));
      const line = text.split("\n").findLast((one) => pattern.test(one));
      return JSON.parse(line ?? "{}") as HealEvent;
    });
  } finally {
    events.child.kill("SIGTERM");
    await events.ended;
    await endSupervisor(host.place);
  }
}

test("a supervisor mends by itself what others have changed, and says so; what was meant stays", async () => {
  await onHost(async (host) => {
    const { prefix } = host.place;
    const bridge = `${prefix}0`;
    await ok(host, "run", "-d", "--name", "web", "-p", "8080:80", "/bin/sleep", "1000");
    const link = (
      await ok(host, "inspect", "--format", "{{range .endpoints}}{{.hostName}}{{end}}", "web")
    ).trim();
    // It has seen the container: nothing of it is wrong.
    expect(await ok(host, "network", "reload")).toBe("nothing to mend\n");
    const before = await state(host);
    await withEvents(host, async (next) => {
      const damages: readonly (readonly [string, RegExp])[] = [
        [`ip link set ${bridge} down`, /bridge \S+ was down/],
        [`ip address del 10.200.1.1/24 dev ${bridge}`, /had no address 10\.200\.1\.1\/24/],
        ["echo 0 > /proc/sys/net/ipv4/ip_forward", /net\.ipv4\.ip_forward was 0/],
        [`iptables -t nat -F ${prefix.toUpperCase()}`, /of chain \S+ \(nat\) was missing/],
        [`ip link del ${link}`, /link \S+ of container web was missing/],
      ];
      for (const [damage, told] of damages) {
        await host.hostRun(["/bin/sh", "-c", damage]);
        const event = await next(told);
        expect(event).toMatchObject({ Type: "network", Action: "heal" });
        expect(await state(host)).toBe(before);
      }
      await ok(host, "network", "impair", "web", "--down");
      // Something else that is mended after it: the supervisor has looked at both.
      await host.hostRun(["ip", "link", "set", bridge, "mtu", "1400"]);
      await next(/bridge \S+ had an MTU of 1400/);
      expect(await host.hostRun(["ip", "-o", "link", "show", link])).toMatch(/state DOWN/);
      await ok(host, "network", "impair", "web", "--up");
      await host.hostRun(["ip", "link", "set", bridge, "address", "02:00:00:00:00:01"]);
      expect(await ok(host, "network", "reload", "bridge")).toMatch(
        /^(mended: bridge .*|nothing to mend)\n$/,
      );
      await ok(host, "rm", "-f", "web");
    });
  });
});
