// @vm
import { expect, test } from "vitest";
import { type Peer, startPeer, whySite } from "./site.ts";

// What this kernel has not, the one of the virtual machine has: netem, and a table size that may be changed.
const inMachine = process.env["VMRUN"] !== undefined;

let web: Peer;
let db: Peer;

const site = whySite(async (host) => {
  web = await startPeer(host, "web");
  db = await startPeer(host, "db");
});

test("100 % loss", async () => {
  const loss = inMachine ? "netem loss 100%" : "tbf rate 8kbit burst 60 limit 200";
  const answer = await site.fault(
    "qdisc",
    ["web", db.address],
    [`nsenter -t ${web.pid} -n tc qdisc add dev eth0 root ${loss}`],
  );
  expect(answer.probe?.outcome).toBe("silent");
  expect(answer.cause?.evidence?.[0]).toMatch(/^qdisc (netem|tbf) [0-9a-f]+:: \d+ packets sent, \d+ dropped/);
});

test("the table of connections has room, or is full", async () => {
  const room = await site.why("web", "outside");
  const hop = room.hops.find(({ what }) => what === "conntrack table");
  expect(hop).toMatchObject({ status: "pass", seen: expect.stringMatching(/^\d+ of \d+ entries$/) });
  const full = "net.netfilter.nf_conntrack_max";
  const inject = `nsenter -t 1 -n sysctl -qw ${full}=1`;
  if (inMachine) await site.fault("conntrack-full", ["web", "outside"], [inject]);
});
