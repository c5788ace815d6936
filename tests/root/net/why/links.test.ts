import { expect, test } from "vitest";
import { type Peer, startPeer, whySite } from "./site.ts";

let web: Peer;
let db: Peer;
let third: Peer;
let bridge = "";

const site = whySite(async (host) => {
  web = await startPeer(host, "web");
  db = await startPeer(host, "db");
  third = await startPeer(host, "third");
  bridge = `${host.place.prefix}0`;
});

/** `ip` in a container's network namespace. */
const ip = (peer: Peer, words: string): string => `nsenter -t ${peer.pid} -n ip ${words}`;

test("a healthy path passes hop by hop, and the probe gets through", async () => {
  for (const to of ["host", "outside", db.address, `${db.address}:1`]) {
    const { verdict, hops, probe } = await site.why("web", to);
    const bad = hops.filter(({ status }) => status === "fail" || status === "suspect");
    if (to.endsWith(":1")) {
      expect({ verdict, bad }).toMatchObject({ verdict: "unreachable", bad: [{ fault: "not-listening" }] });
      continue;
    }
    expect({ verdict, bad, outcome: probe?.outcome }).toEqual({
      verdict: "reachable",
      bad: [],
      outcome: "answered",
    });
    expect(hops.length).toBeGreaterThan(20);
  }
  const back = await site.why("host", "web");
  expect(back).toMatchObject({ verdict: "reachable", probe: { outcome: "answered" } });
});

test("link down", async () => {
  await site.fault("link-down", ["web", db.address], [ip(web, "link set eth0 down")]);
  await site.fault("link-down", ["web", "outside"], [ip(web, "link set eth0 down")]);
  await site.fault("link-down", ["web", db.address], [ip(db, "link set eth0 down")]);
});

test("host end down, detached, on another bridge; bridge down", async () => {
  await site.fault("host-end-down", ["web", db.address], [`ip link set ${db.hostName} down`]);
  await site.fault("detached", ["web", db.address], [`ip link set ${web.hostName} nomaster`]);
  await site.fault("bridge-down", ["web", db.address], [`ip link set ${bridge} down`]);
});

test("no address, wrong prefix length, the bridge's own address", async () => {
  await site.fault("no-address", ["web", db.address], [ip(web, "address flush dev eth0")]);
  await site.fault("no-address", ["web", db.address], [ip(db, "address flush dev eth0")]);
  const narrow = [
    ip(web, `address add ${web.address}/30 dev eth0`),
    ip(web, `address delete ${web.address}/24 dev eth0`),
  ];
  await site.fault("wrong-prefix", ["web", "outside"], narrow);
  await site.fault("bridge-address", ["web", "outside"], [`ip address flush dev ${bridge}`]);
});

test("duplicate address and MAC", async () => {
  const answer = await site.fault(
    "duplicate-address",
    ["web", db.address],
    [ip(third, `address add ${db.address}/24 dev eth0`)],
  );
  expect(answer.cause?.seen).toContain("third (eth0, ");
  await site.fault("duplicate-mac", ["web", db.address], [ip(third, `link set eth0 address ${db.mac}`)]);
  await site.fault("duplicate-mac", ["web", db.address], [ip(db, `link set eth0 address ${third.mac}`)]);
});

test("routes: none, wrong, a policy rule", async () => {
  await site.fault("no-route", ["web", "outside"], [ip(web, "route delete default")]);
  await site.fault("wrong-route", ["web", "outside"], [ip(web, "route replace default via 10.200.1.77")]);
  await site.fault(
    "wrong-route",
    ["web", "outside"],
    [ip(web, `route replace default via ${third.address}`)],
  );
  await site.fault(
    "policy-rule",
    ["web", db.address],
    [
      ip(web, "route add blackhole default table 100"),
      ip(web, `rule add pref 100 to ${db.address} lookup 100`),
    ],
  );
  await site.fault(
    "policy-rule",
    ["web", "outside"],
    [ip(web, "rule add pref 200 to 192.0.2.0/24 unreachable")],
  );
});

test("neighbour, forwarding database, bridge ports", async () => {
  await site.fault(
    "neighbour",
    ["web", db.address],
    [ip(web, `neigh replace ${db.address} lladdr 02:00:00:00:00:99 dev eth0 nud permanent`)],
  );
  await site.fault(
    "neighbour",
    ["web", db.address],
    [ip(db, `neigh replace ${web.address} lladdr 02:00:00:00:00:99 dev eth0 nud permanent`)],
  );
  await site.fault(
    "fdb",
    ["web", db.address],
    [`bridge fdb replace ${db.mac} dev ${third.hostName} master static`],
  );
  await site.fault("port-state", ["web", db.address], [`bridge link set dev ${db.hostName} state 0`]);
  await site.fault(
    "isolated",
    ["web", db.address],
    [`bridge link set dev ${web.hostName} isolated on`, `bridge link set dev ${db.hostName} isolated on`],
  );
  const nobody = await site.why("web", "10.200.1.99");
  expect(nobody).toMatchObject({ verdict: "unreachable", cause: { fault: "no-neighbour" } });
});

test("MTU black holes", async () => {
  const inside = await site.fault("mtu", ["web", db.address], [ip(db, "link set eth0 mtu 1400")]);
  expect(inside).toMatchObject({
    verdict: "faulty",
    probe: { outcome: "answered" },
    large: { outcome: "silent" },
  });
  await site.fault("mtu", ["web", db.address], [`ip link set ${db.hostName} mtu 1300`]);
});

test("a queue that loses everything", async () => {
  await site.fault(
    "qdisc",
    ["web", db.address],
    [`nsenter -t ${web.pid} -n tc qdisc add dev eth0 root tbf rate 8kbit burst 60 limit 200`],
  );
  await site.fault(
    "qdisc",
    ["web", db.address],
    [`tc qdisc add dev ${db.hostName} root tbf rate 8kbit burst 60 limit 200`],
  );
});

test("what is beyond the rules: lost outside, or for no visible reason", async () => {
  const lost = await site.why("web", "198.51.100.7");
  expect(lost).toMatchObject({
    verdict: "unreachable",
    cause: { fault: "outside", evidence: [expect.stringContaining("up0 out")] },
  });
  const deaf = `nsenter -t ${db.pid} -n sysctl -qw net.ipv4.conf.all.arp_ignore`;
  await site.sh(`${deaf}=8`, ip(web, "neigh flush all"));
  expect(await site.why("web", db.address)).toMatchObject({
    verdict: "unreachable",
    cause: { fault: "unexplained" },
  });
  await site.sh(`${deaf}=0`);
  await site.sh("ip route delete default");
  expect(await site.why("web", "198.51.100.7")).toMatchObject({
    cause: { fault: "no-uplink", mend: ["ip route add default via GATEWAY"] },
  });
  await site.sh("ip route add default via 192.0.2.2");
});

test("forwarding off, and echo requests ignored", async () => {
  await site.fault("ip-forward", ["web", "outside"], ["sysctl -qw net.ipv4.ip_forward=0"]);
  await site.fault(
    "echo-ignored",
    ["web", db.address],
    [`nsenter -t ${db.pid} -n sysctl -qw net.ipv4.icmp_echo_ignore_all=1`],
  );
});

test("a bridge and a cable that are gone", async () => {
  await site.fault("bridge-missing", ["web", db.address], [`ip link delete ${bridge}`]);
  await site.fault("no-link", ["web", "host"], [`ip link delete ${web.hostName}`]);
});
