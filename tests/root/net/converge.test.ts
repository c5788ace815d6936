import { expect, test } from "vitest";
import { withTestHost } from "../../harness/host.ts";
import { startIdle } from "../../harness/idle.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";
import { endSupervisor } from "../../harness/supervisor.ts";

/** mulberry32: the same numbers for the same seed, on every machine. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** What somebody else has on this host: links, addresses, a route, settings, and rules in every table and chain that ours are in. */
const others = `
ip link add foreign0 type bridge; ip link set foreign0 mtu 1300 alias 'not yours' up; ip address add 198.51.100.1/24 dev foreign0
ip link add foreign1 type veth peer name foreign2; ip link set foreign1 master foreign0
ip route add 203.0.113.0/24 via 198.51.100.9
echo 1 > /proc/sys/net/ipv4/conf/foreign0/rp_filter; echo 1 > /proc/sys/net/ipv4/conf/foreign1/proxy_arp
iptables -N FOREIGN; iptables -A FOREIGN -s 198.51.100.7/32 -j DROP; iptables -A FORWARD -i foreign0 -j FOREIGN
iptables -A INPUT -p tcp --dport 9 -j DROP; iptables -t nat -A POSTROUTING -s 198.51.100.0/24 -o up0 -j MASQUERADE
iptables -t nat -A PREROUTING -p tcp --dport 9999 -j DNAT --to-destination 198.51.100.7:80
iptables -t raw -A PREROUTING -s 198.51.100.66/32 -j DROP; iptables -t mangle -A FORWARD -j TTL --ttl-inc 1 2>/dev/null
ip6tables -A FORWARD -i foreign0 -j DROP`;

/** All that is there of theirs, to the bit. */
const theirs = (prefix: string): string => `
ip -o -d link show | grep -E '^[0-9]+: (foreign|up0|lo)' | sed -E 's/(gc|hello|tcn|topology_change)_timer +[0-9.]+//g; s/NO-CARRIER,|LOWER_UP,?//g; s/ state [A-Z]+//; s/ (state [a-z]+ )?priority.*(isolated|mcast_igmp)/ \\2/'
ip -o address | grep -E ' (foreign.|up0|lo) ' | sed 's/valid_lft.*//; /fe80/d'; ip route | grep -E 'foreign|up0' | sed 's/ linkdown//; s/ *$//'
for save in iptables-save ip6tables-save; do $save | sed -E 's/\\[[0-9:]*\\]//; /^#/d; /${prefix}/Id'; done
sysctl -a 2>/dev/null | grep -E '^net\\.' | grep -vE '\\.(${prefix}0|brred|brapart|${prefix.slice(0, 4)}v[0-9a-f]+)\\.|ip_forward|ipv4\\.conf\\.(all|default|lo|up0|foreign[0-9])\\.forwarding|conntrack_count|random|\\.forwarding '`;

/** What is ours, as it shall be the same after every mending: without what differs from one birth of a link to the next. */
const ours = `ip -o link show | sed -E 's/^[0-9]+: //; s/@if[0-9]+//; s/<[^>]*>//; s/ (qlen|state|link-netnsid) [^ ]+//g; s/link.ether [^ ]+//' | sort
ip -o address | sed -E 's/^[0-9]+: //; s/valid_lft.*//; /fe80/d' | sort; (ip route; ip -6 route) | sed 's/ linkdown//; /fe80/d; s/ *$//' | sort
for save in iptables-save ip6tables-save; do $save | sed -E 's/\\[[0-9:]*\\]//; /^#/d'; done
cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/*/rp_filter /proc/sys/net/ipv4/conf/*/route_localnet`;

test("whatever is done to the host, in any order, reload makes it what it shall be, and touches nothing else", async () => {
  // SEED= tries another order.
  const seed = Number(process.env["SEED"] ?? 7);
  const random = randomOf(seed);
  await withTestHost(
    async (host) => {
      const { prefix } = host.place;
      const chain = prefix.toUpperCase();
      const sh = (line: string): Promise<string> => host.hostRun(["/bin/sh", "-c", line]);
      const mdocker = (...args: readonly string[]) => host.mdocker(args);
      const log: string[] = [`SEED=${seed}`];
      await mdocker("network", "create", "red", "--subnet", "10.77.1.0/24", "--ipv6", "-o", "bridge=brred");
      await mdocker(
        "network",
        "create",
        "apart",
        "--subnet",
        "10.77.2.0/24",
        "-o",
        "icc=false",
        "-o",
        "bridge=brapart",
      );
      // One that holds each network up.
      const keepers = await Promise.all([
        startIdle(host, "k0", ["-p", "8000:80"]),
        startIdle(host, "k1", ["--network", "red", "-p", "8001:80/udp"]),
        startIdle(host, "k2", ["--network", "apart"]),
      ]);
      await sh(others);
      const before = await sh(theirs(prefix));
      const networks = ["bridge", "red", "apart"];
      const bridges = [`${prefix}0`, "brred", "brapart"];
      const one = (list: readonly string[]): string => list[random(list.length)] ?? "";
      const link = "$(ls /sys/class/net | grep -E '^.{2,5}v[0-9a-f]{9}' | sort | tail -n 1)";
      let serial = 0;
      const living: string[] = [];
      const acts: (() => Promise<unknown>)[] = [
        () => sh(`ip link set ${one(bridges)} down`),
        () => sh(`ip link del ${one(bridges)} 2>/dev/null || true`),
        () => sh(`ip address flush dev ${one(bridges)} 2>/dev/null || true`),
        () => sh(`ip route flush dev ${one(bridges)} 2>/dev/null || true`),
        () => sh(`ip link set ${one(bridges)} mtu 1350 2>/dev/null || true`),
        () => sh(`ip link del ${link} || true`),
        () => sh(`ip link set ${link} nomaster down || true`),
        () => sh(`ip link set ${link} type bridge_slave isolated off 2>/dev/null || true`),
        () => sh("echo 0 > /proc/sys/net/ipv4/ip_forward"),
        () => sh(`iptables -F ${chain}-FORWARD 2>/dev/null || true`),
        () => sh(`iptables -t nat -F ${chain}; iptables -t nat -F ${chain}-POSTROUTING; true`),
        () =>
          sh(
            `iptables -D FORWARD -j ${chain}-FORWARD -m comment --comment ${prefix}; ip6tables -F ${chain}-FORWARD; true`,
          ),
        () => sh(`iptables -t raw -I ${chain}-PREROUTING -s 192.0.2.77 -j DROP 2>/dev/null || true`),
        () => sh(`for n in 1 2 3; do iptables -D ${chain}-FORWARD 2 2>/dev/null; done; true`),
        async () => {
          serial += 1;
          const name = `c${serial}`;
          living.push(name);
          const flags = random(2) === 0 ? ["-p", `${9000 + serial}:80`] : [];
          return mdocker(
            "run",
            "-d",
            "--name",
            name,
            "--network",
            one(networks),
            ...flags,
            "/bin/sleep",
            "1000",
          );
        },
        () => mdocker("network", "connect", one(networks), one([...living, "k0"])),
        () => mdocker("network", "disconnect", one(networks), one([...living, "k0"])),
        async () => {
          const name = one(living);
          const [found] = JSON.parse((await mdocker("inspect", name)).stdout || "[]") as {
            init?: { pid: number };
          }[];
          if (found?.init === undefined) return;
          await sh(`kill -9 ${found.init.pid} 2>/dev/null || true`);
          await mdocker("wait", name);
        },
        () => mdocker("rm", "-f", one(living)),
        () => mdocker("network", "reload"),
      ];
      const until = Date.now() + 20_000;
      try {
        // Bounded by time, and by number, so that a fast machine ends too.
        for (let round = 0; round < 8 && Date.now() < until; round += 1) {
          for (let count = 1 + random(4); count > 0; count -= 1) {
            const act = acts[random(acts.length)];
            log.push(String(act).replaceAll(/\s+/g, " ").slice(0, 110));
            await act?.();
          }
          const reload = await mdocker("network", "reload");
          expect(reload).toMatchObject({ code: 0, stderr: "" });
          log.push(reload.stdout.replaceAll("\n", "; "));
          expect((await mdocker("network", "reload")).stdout).toBe("nothing to mend\n");
          const converged = await sh(ours);
          // Computed anew from nothing: all of ours is taken away, and made again.
          await sh(
            `for b in ${bridges.join(" ")}; do ip link del $b; done 2>/dev/null; iptables -F ${chain}-FORWARD; true`,
          );
          await mdocker("network", "reload");
          expect(await sh(ours)).toBe(converged);
          expect(await sh(theirs(prefix))).toBe(before);
        }
      } catch (error) {
        throw new Error(`${log.join("\n")}\n${(error as Error).message}`, { cause: error });
      }
      for (const name of living) await mdocker("rm", "-f", name);
      for (const keeper of keepers) await keeper.end();
      await endSupervisor(host.place);
      expect(await sh(theirs(prefix))).toBe(before);
      await mdocker("gc", "--networks");
      await mdocker("network", "rm", "red", "apart");
      await sh(
        "ip link del foreign0; ip link del foreign1; iptables -F; iptables -X FOREIGN; iptables -t nat -F; iptables -t raw -F; iptables -t mangle -F; ip6tables -F",
      );
      await expectNothingLeft(host.fresh, "gone");
    },
    { image: await sharedLabImage() },
  );
}, 240_000);
