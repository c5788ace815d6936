import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { endSupervisor } from "../../../harness/supervisor.ts";
import { findPeer, type Peer, startPeer, whySite } from "./site.ts";

let web: Peer;
let old: Peer;
let chains = "";

const service = "nc -lk 8000 & nc -lk 127.0.0.1 8001 & nc -luk 9000 & exec sleep 100000";

const site = whySite(async (host) => {
  web = await startPeer(host, "web");
  await startPeer(
    host,
    "db",
    ["-p", "127.0.0.1:8080:8000", "-p", `${host.address}:5300:9000/udp`],
    ["/bin/sh", "-c", service],
  );
  old = await startPeer(host, "old");
  chains = host.place.prefix.toUpperCase();
});

const inside = (peer: Peer, words: string): string => `nsenter -t ${peer.pid} -n ${words}`;

test("published ports lead to the container, by name and by address", async () => {
  expect(await site.why("host", "127.0.0.1:8080")).toMatchObject({ verdict: "reachable" });
  expect(await site.why("web", "192.0.2.1:5300/udp")).toMatchObject({ verdict: "reachable" });
  const local = await site.why("web", "host:8080");
  expect(local).toMatchObject({ verdict: "unreachable", cause: { fault: "unpublished-port" } });
});

test("a port mapping that leads to a stale address", async () => {
  const answer = await site.fault(
    "port-mapping",
    ["host", "127.0.0.1:8080"],
    [
      `iptables -t nat -D ${chains} $(iptables -t nat -L ${chains} -n --line-numbers | grep 8080 | cut -d' ' -f1)`,
      `iptables -t nat -A ${chains} -d 127.0.0.1 -p tcp --dport 8080 -j DNAT --to-destination 10.200.1.99:8000`,
    ],
  );
  expect(answer.cause?.seen).toContain("to 10.200.1.99:8000/tcp; it is meant for 10.200.1.");
});

test("NAT rule missing", async () => {
  await site.fault("nat-missing", ["web", "outside"], [`iptables -t nat -F ${chains}-POSTROUTING`]);
});

test("a stale entry of connection tracking", async () => {
  const stale = `PREROUTING -p udp --dport 5300 -j DNAT --to-destination ${old.address}:9000`;
  await site.fault(
    "conntrack-stale",
    ["web", "192.0.2.1:5300/udp"],
    [
      `iptables -t nat -I ${stale}`,
      inside(web, "bash -c 'echo hello > /dev/udp/192.0.2.1/5300'"),
      `iptables -t nat -D ${stale}`,
    ],
  );
});

test("from outside a port that is not published is closed, and a rule of the user's opens it", async () => {
  const { outside, outsideRun, address } = site.host();
  await outsideRun(["ip", "route", "add", "10.200.1.0/24", "via", address]);
  const call = ["nc", "-zw", "2", web.address, "7000"];
  await expect(outsideRun(call)).rejects.toThrow();
  await site.sh("mdocker exec -d web nc -lk 7000");
  await site.fault("unpublished-port", ["outside", "web:7000"], []);
  await outsideRun(call);
  expect(outside.address).toBe("192.0.2.2");
  await site.sh(`iptables -F ${chains}-USER`);
});

test("a service that listens on 127.0.0.1 only", async () => {
  await site.fault("loopback-only", ["web", `${(await findPeer(site.host(), "db")).address}:8001`], []);
});

test("a name that is not registered, and a wrong server", async () => {
  // Names are answered by a supervisor.
  await site.fault("dns-server", ["web", "db"], []);
  const asker = await findPeer(site.host(), "web");
  await site.fault(
    "dns-server",
    ["web", "db"],
    [`echo nameserver 10.200.1.99 > /proc/${asker.pid}/root/etc/resolv.conf`],
  );
  const leases = join(site.host().place.state, "networks/bridge/leases.json");
  const pool = JSON.parse(readFileSync(leases, "utf8")) as { leases: { names?: string[] }[] };
  const nameless = pool.leases.map((lease) => ({
    ...lease,
    names: lease.names?.filter((name) => name !== "db"),
  }));
  writeFileSync(leases, JSON.stringify({ ...pool, leases: nameless }));
  await site.fault("name-unknown", ["web", "db"], []);
  const unheard = await site.why("web", "nobody.example");
  expect(unheard).toMatchObject({
    verdict: expect.not.stringMatching(/^reachable$/),
    cause: { fault: "name-unknown" },
  });
});

test("nobody listens; a container that is gone", async () => {
  await site.fault(
    "not-listening",
    ["web", "db:8000"],
    ["mdocker exec db /bin/bash -c 'kill $(ps -o pid= -C nc)'"],
  );
  await endSupervisor(site.host().place, "SIGKILL");
  const { pid } = await findPeer(site.host(), "db");
  await site.fault(
    "namespace-gone",
    ["web", "db"],
    [
      `kill -9 $(sed 's/.*) . \\([0-9]*\\) .*/\\1/' /proc/${pid}/stat) ${pid}`,
      // A killed process has its namespaces until it is through with its exit.
      `timeout 60 sh -c 'while readlink /proc/${pid}/ns/net; do sleep 0.01; done' || { cat /proc/${pid}/status >&2; false; }`,
    ],
  );
  await site.fault("not-running", ["web", "db"], ["mdocker stop -t 0 db"]);
  await site.fault("not-running", ["db", "web"], ["mdocker stop -t 0 db"]);
});
