import { expect, test } from "vitest";
import { type Peer, startPeer, whySite } from "./site.ts";

// Networks without a bridge: on a link of the host, and a cable between two containers.

const lan = ["--subnet", "192.0.2.0/28", "--gateway", "192.0.2.2", "--ip-range", "192.0.2.8/29"];
const peers = new Map<string, Peer>();

const site = whySite(async (host) => {
  const create = (...args: readonly string[]): Promise<string> =>
    host.hostRun(["sh", "-c", 'exec $MDOCKER network create "$@"', "sh", ...args]);
  await create("-d", "macvlan", "-o", "parent=up0", ...lan, "lan");
  await create("-d", "link", "--subnet", "10.9.0.0/29", "wire");
  // The host is a machine of that LAN, too.
  await host.hostRun(["ip", "address", "add", "192.0.2.1/28", "dev", "up0"]);
  await host.outsideRun(["ip", "route", "add", "192.0.2.8/29", "dev", "up0"]);
  for (const name of ["one", "two"])
    peers.set(name, await startPeer(host, name, ["--net", "lan", "--net", "wire:ifname=wan"]));
});

/** `ip` in a container's network namespace. */
const ip = (name: string, words: string): string => `nsenter -t ${peers.get(name)?.pid} -n ip ${words}`;

test("a healthy path: to another container on the LAN, to the router there, over the cable", async () => {
  for (const to of ["two", peers.get("two")?.address ?? "", "192.0.2.2", "10.9.0.2"]) {
    const { verdict, hops } = await site.why("one", to);
    expect({ to, verdict, bad: hops.filter(({ status }) => status === "fail") }).toEqual({
      to,
      verdict: "reachable",
      bad: [],
    });
  }
});

test("names are not there, which is no fault", async () => {
  const { hops } = await site.why("one", "two");
  expect(hops.find(({ what }) => what === "name two")).toMatchObject({
    status: "note",
    seen: expect.stringMatching(/on lan, wire containers have no names/),
  });
});

test("parent link down", async () => {
  await site.fault("parent-down", ["one", "two"], ["ip link set up0 down"]);
  await site.fault("parent-down", ["one", "192.0.2.2"], ["ip link set up0 down"]);
});

test("modes that keep two on one parent apart", async () => {
  await site.fault("macvlan-mode", ["one", "two"], [ip("two", "link set eth0 type macvlan mode private")]);
});

test("the host and a container on its own link, both ways", async () => {
  const answer = await site.fault("parent-host", ["one", "192.0.2.1"], []);
  expect(answer.cause?.evidence?.join()).toMatch(/eth0 of one is a macvlan on up0/);
  await site.sh("ip link del mv-up0");
  await site.fault("parent-host", ["host", "one"], []);
  await site.sh("ip link del mv-up0");
});

test("an end of the cable, an address that nobody has there", async () => {
  await site.fault("link-down", ["one", "10.9.0.2"], [ip("two", "link set wan down")]);
  const { cause } = await site.why("one", "10.9.0.5");
  expect(cause).toMatchObject({ fault: "no-neighbour", mend: ["mdocker network inspect wire"] });
});
