import { describe, expect, test } from "vitest";
import type { Actual } from "../../../../net/heal/actual.ts";
import { difference } from "../../../../net/heal/difference.ts";
import type { WantedNetwork } from "../../../../net/heal/mend.ts";
import { Known } from "../../../../net/heal/notice.ts";
import { wantedLinks, wantedSettings } from "../../../../net/heal/wanted.ts";
import { newAddress } from "../../../../net/netlink/address.ts";
import { deleteLink, type Link, newBridge, setLink } from "../../../../net/netlink/link.ts";

const wanted: WantedNetwork = {
  network: {
    name: "red",
    owner: "mdocker",
    bridge: "br0",
    subnet: "10.77.1.0/24",
    gateway: "10.77.1.1",
    internal: false,
    icc: true,
    masquerade: true,
  },
  mtu: 1500,
  idle: false,
};
const link: Link = {
  index: 7,
  name: "br0",
  up: true,
  running: true,
  mtu: 1500,
  alias: "mdocker:network:red",
  mac: "02:42:0a:4d:01:01",
  kind: "bridge",
};
const right: Actual = {
  links: [link],
  addresses: [{ link: 7, address: "10.77.1.1", prefixLength: 24 }],
  floods: [],
  unreached: new Set(),
  settings: new Map([
    ["net/ipv4/conf/br0/rp_filter", "2"],
    ["net/ipv4/ip_forward", "1"],
  ]),
};

function faults(actual: Partial<Actual>, networks: readonly WantedNetwork[] = [wanted]): readonly string[] {
  return difference(wantedLinks(networks, []), wantedSettings(networks), { ...right, ...actual }).flatMap(
    (mend) => mend.faults,
  );
}

describe("what differs", () => {
  test("nothing, where all is as it shall be; nor what others have", () => {
    expect(faults({})).toEqual([]);
    const other = { ...link, index: 9, name: "docker0", up: false, mtu: 9000, alias: undefined };
    const addresses = [...right.addresses, { link: 9, address: "172.17.0.1", prefixLength: 16 }];
    expect(faults({ links: [link, other], addresses })).toEqual([]);
  });

  test("each thing, in its own words", () => {
    expect(faults({ links: [{ ...link, up: false }] })).toEqual(["bridge br0 was down"]);
    expect(faults({ addresses: [] })).toEqual(["bridge br0 had no address 10.77.1.1/24"]);
    expect(faults({ unreached: new Set(["10.77.1.0/24"]) })).toEqual([
      "the route to 10.77.1.0/24 by bridge br0 was missing",
    ]);
    expect(faults({ settings: new Map([...right.settings, ["net/ipv4/ip_forward", "0"]]) })).toEqual([
      "net.ipv4.ip_forward was 0 instead of 1",
    ]);
  });

  test("a bridge that is missing is made, unless no container is on it", () => {
    const gone = { links: [], settings: new Map([["net/ipv4/ip_forward", "1"]]) };
    expect(faults(gone)).toEqual(["bridge br0 was missing"]);
    expect(faults(gone, [{ ...wanted, idle: true }])).toEqual([]);
  });

  test("another's link of that name is left alone, and one that was renamed is found", () => {
    expect(faults({ links: [{ ...link, alias: "somebody" }] })).toEqual([
      "bridge br0: another link has that name",
    ]);
    expect(faults({ links: [{ ...link, name: "br7" }] })).toEqual(["bridge br0 is called br7 now"]);
  });

  test("an MTU that a bridge has from its ports is not its own fault", () => {
    const port = { ...link, index: 8, name: "x", kind: "veth", mtu: 1400, master: 7, alias: undefined };
    expect(faults({ links: [{ ...link, mtu: 1400 }, port] })).toEqual([]);
    expect(faults({ links: [{ ...link, mtu: 1300 }, port] })).toEqual([
      "bridge br0 had an MTU of 1300 instead of 1500",
    ]);
  });
});

describe("notices", () => {
  const known = new Known("mdocker", wantedLinks([wanted], []), right);
  const message = ({ type, payload }: { type: number; payload: Uint8Array }) =>
    known.judge({ type, payload, flags: 0, sequence: 0 });

  test("what is ours and goes, or is wrong, counts at once; what is new soon; what is of others never", () => {
    expect(message(deleteLink("br0"))).toBe("now");
    expect(message(setLink("br0", { up: false }))).toBe("now");
    expect(message(newBridge("docker0", { up: true }))).toBe("none");
    expect(message(deleteLink("docker0"))).toBe("none");
    expect(message(setLink("mdv0a1b2c3d0", { alias: "mdocker:x:red", up: true }))).toBe("soon");
    const removed = newAddress({ link: 7, address: "10.77.1.1", prefixLength: 24 });
    expect(message({ ...removed, type: 21 })).toBe("now");
    expect(message({ ...newAddress({ link: 9, address: "10.0.0.1", prefixLength: 24 }), type: 21 })).toBe(
      "none",
    );
  });
});
