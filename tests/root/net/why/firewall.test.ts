import { expect, test } from "vitest";
import { type Peer, startPeer, whySite } from "./site.ts";

let web: Peer;
let db: Peer;
let far: Peer;
let shut: Peer;
let chains = "";
let bridge = "";

const site = whySite(async (host) => {
  await host.mdocker(["network", "create", "red", "--subnet", "10.77.1.0/24"]);
  await host.mdocker(["network", "create", "deep", "--subnet", "10.77.2.0/24", "--internal"]);
  await host.mdocker(["network", "create", "apart", "--subnet", "10.77.3.0/24", "-o", "icc=false"]);
  web = await startPeer(host, "web");
  db = await startPeer(host, "db", [], ["/bin/nc", "-lk", "8000"]);
  far = await startPeer(host, "far", ["--network", "red"]);
  shut = await startPeer(host, "shut", ["--network", "deep"]);
  await startPeer(host, "one", ["--network", "apart"]);
  await startPeer(host, "other", ["--network", "apart"]);
  chains = host.place.prefix.toUpperCase();
  bridge = `${host.place.prefix}0`;
  // With a supervisor, which answers names: what is broken here is nothing that it mends.
}, false);

const inside = (peer: Peer, words: string): string => `nsenter -t ${peer.pid} -n ${words}`;

test("the user's own chain, in both directions", async () => {
  const answer = await site.fault(
    "firewall-user",
    ["web", "outside"],
    [`iptables -I ${chains}-USER -s ${web.address} -m comment --comment "no more of that" -j DROP`],
  );
  expect(answer.cause?.seen).toMatch(
    /-USER rule 1 \(filter, iptables-\w+\): -s 10\.200\.1\.\d\/32 .* -j DROP$/,
  );
  await site.fault(
    "firewall-user",
    ["web", "outside"],
    [`iptables -A ${chains}-USER -d ${web.address} -j REJECT`],
  );
});

test("the host's own rules, in either backend", async () => {
  await site.fault("firewall-host", ["web", "outside"], [`iptables -I FORWARD -i ${bridge} -j DROP`]);
  await site.fault(
    "firewall-host",
    ["web", "outside"],
    [`iptables-legacy -I FORWARD -i ${bridge} -j REJECT`],
  );
  await site.fault("firewall-host", ["web", "host"], ["iptables -A INPUT -p icmp -j DROP"]);
  await site.fault("firewall-host", ["host", "web"], [`iptables -A OUTPUT -d ${web.address} -j REJECT`]);
  await site.fault(
    "firewall-host",
    ["web", "outside"],
    [`iptables -t raw -A PREROUTING -i ${bridge} -p icmp -j DROP`],
  );
  await site.sh("iptables-legacy -t filter -F; iptables -t raw -F PREROUTING");
});

test("a firewall inside a container", async () => {
  await site.fault(
    "firewall-inside",
    ["web", "db:8000"],
    [inside(db, "iptables -A INPUT -p tcp --dport 8000 -j DROP")],
  );
  await site.fault(
    "firewall-inside",
    ["web", "db"],
    [inside(web, `iptables -A OUTPUT -d ${db.address} -j REJECT`)],
  );
  await site.fault("firewall-inside", ["web", "db"], [inside(db, "iptables -P OUTPUT DROP")]);
});

test("what iptables does not show: a table of nftables", async () => {
  const answer = await site.fault(
    "firewall-foreign",
    ["web", "outside"],
    [
      "nft add table inet theirs",
      "nft add chain inet theirs hands '{ type filter hook forward priority 0; }'",
      "nft add rule inet theirs hands ip protocol icmp counter drop",
    ],
  );
  expect(answer.cause?.seen).toContain("nft table inet theirs, chain hands");
  await site.sh("nft delete table inet theirs");
});

test("a condition that cannot be judged is decided by its counter", async () => {
  const rule = `-s ${web.address} -m statistic --mode random --probability 1 -j DROP`;
  await site.fault("firewall-user", ["web", "outside"], [`iptables -I ${chains}-USER ${rule}`]);
});

test("networks are isolated, internal, or without talk between their containers", async () => {
  const answer = await site.fault("isolation", ["web", "far"], []);
  expect(answer.cause?.evidence).toContain("from network bridge to network red");
  await site.sh("mdocker network disconnect red web");
  await site.fault("internal", ["shut", "outside"], []);
  await site.sh("mdocker network disconnect bridge shut");
  await site.fault("isolated", ["one", "other"], []);
  expect([far.name, shut.name]).toEqual(["far", "shut"]);
});

test("reverse path filter", async () => {
  // far has a second way to the host, by bridge: answers to the host's address on red leave by that.
  await site.sh("mdocker network connect bridge far");
  await site.fault(
    "rp-filter",
    ["host", far.address],
    [
      inside(far, "ip route add 10.77.1.1/32 dev eth1"),
      inside(far, "sysctl -qw net.ipv4.conf.eth0.rp_filter=1"),
    ],
  );
  await site.sh("mdocker network disconnect bridge far");
});
