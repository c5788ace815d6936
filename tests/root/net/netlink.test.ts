import { expect, test } from "vitest";
import { deleteAddress, dumpAddresses, newAddress, parseAddress } from "../../../net/netlink/address.ts";
import { withNetlink } from "../../../net/netlink/client.ts";
import {
  deleteLink,
  dumpLinks,
  getLink,
  newBridge,
  newVeth,
  parseLink,
  setLink,
} from "../../../net/netlink/link.ts";
import { dumpNeighbours, parseNeighbour } from "../../../net/netlink/neighbour.ts";
import { deleteRoute, dumpRoutes, newRoute, parseRoute } from "../../../net/netlink/route.ts";
import { inOwnNetns, makeNetns, runHere } from "../../harness/netns.ts";

test("one message makes a pair: host end on the bridge and up, peer in the other namespace", async () => {
  await inOwnNetns(() => {
    const inside = makeNetns();
    withNetlink((client) => {
      client.change(newBridge("br0", { mac: "02:42:0a:c8:01:01", mtu: 1400, up: true }));
      const bridge = parseLink(client.get(getLink("br0")));
      expect(bridge).toMatchObject({
        name: "br0",
        kind: "bridge",
        up: true,
        mac: "02:42:0a:c8:01:01",
        mtu: 1400,
      });
      const [, , answer] = client.exchange([
        newVeth(
          "v0",
          { master: bridge.index, mtu: 1400, up: true },
          { name: "eth0", mac: "02:42:0a:c8:01:02", mtu: 1400, netns: inside.fd },
        ),
        setLink("v0", { alias: "hello", isolated: true }),
        getLink("v0"),
      ]);
      const link = parseLink(answer ?? new Uint8Array());
      expect(link).toMatchObject({ kind: "veth", up: true, mtu: 1400, alias: "hello", master: bridge.index });
      expect(runHere("ip", "-d", "link", "show", "v0")).toMatch(/isolated on .*numtxqueues 1 numrxqueues 1 /);
      expect(client.dump(dumpLinks()).map((it) => parseLink(it).name)).toEqual(["lo", "br0", "v0"]);
      const eth0 = inside.run("ip", "-o", "link", "show", "eth0");
      expect(eth0).toMatch(new RegExp(`^${link.peer}: eth0@.* mtu 1400 .* link/ether 02:42:0a:c8:01:02 `));
      client.change(deleteLink("v0"));
      expect(() => client.get(getLink("v0"))).toThrow("RTM_GETLINK v0: ENODEV");
    });
    inside.close();
  });
});

test("addresses, routes and neighbours are what ip shows", async () => {
  await inOwnNetns(() => {
    withNetlink((client) => {
      client.change(newVeth("v0", { up: true }, { name: "v1" }));
      const { index } = parseLink(client.get(getLink("v0")));
      client.change(setLink("v1", { up: true }));
      client.change(newAddress({ link: index, address: "10.9.0.1", prefixLength: 20 }));
      expect(runHere("ip", "-o", "-4", "address", "show", "v0")).toContain("10.9.0.1/20 brd 10.9.15.255");
      const expected = { link: index, address: "10.9.0.1", prefixLength: 20, label: "v0" };
      expect(client.dump(dumpAddresses()).map(parseAddress)).toEqual([expected]);

      const destination = { address: "10.10.0.0", prefixLength: 16 };
      client.change(newRoute({ destination, gateway: "10.9.0.9", metric: 7 }));
      expect(runHere("ip", "route", "show", "10.10.0.0/16")).toContain(
        "via 10.9.0.9 dev v0 proto static metric 7",
      );
      expect(client.dump(dumpRoutes()).map(parseRoute)).toContainEqual({
        destination: "10.10.0.0",
        prefixLength: 16,
        table: 254,
        type: 1,
        gateway: "10.9.0.9",
        link: index,
        metric: 7,
        source: undefined,
      });
      client.change(deleteRoute({ destination, gateway: "10.9.0.9", metric: 7 }));
      expect(runHere("ip", "route", "show", "10.10.0.0/16")).toBe("");

      runHere("ip", "neighbour", "add", "10.9.0.7", "lladdr", "02:42:0a:09:00:07", "dev", "v0");
      expect(client.dump(dumpNeighbours()).map(parseNeighbour)).toEqual([
        { link: index, address: "10.9.0.7", mac: "02:42:0a:09:00:07", state: "permanent" },
      ]);
      client.change(deleteAddress({ link: index, address: "10.9.0.1", prefixLength: 20 }));
      expect(client.dump(dumpAddresses()).map(parseAddress)).toEqual([]);
    });
  });
});

test("a refusal carries the kernel's own words", async () => {
  await inOwnNetns(() => {
    withNetlink((client) => {
      client.change(newVeth("v0", {}, { name: "v1" }));
      expect(() => client.change(setLink("v0", { mtu: 10 }))).toThrow(
        "RTM_NEWLINK v0: EINVAL (mtu less than device minimum)",
      );
      expect(() => client.change(newRoute({ gateway: "1.2.3.4" }))).toThrow(
        /^RTM_NEWROUTE default: ENETUNREACH \(/,
      );
      expect(() => client.change(newBridge("v0", {}))).toThrow("RTM_NEWLINK v0: EEXIST");
    });
  });
});

test("a dump of more links than one datagram holds is complete", async () => {
  await inOwnNetns(() => {
    withNetlink((client) => {
      const names = Array.from({ length: 120 }, (_, at) => `b${at}`);
      client.exchange(names.map((name) => newBridge(name, {})));
      const found = client.dump(dumpLinks()).map((it) => parseLink(it).name);
      expect(found).toEqual(["lo", ...names]);
    });
  });
});
