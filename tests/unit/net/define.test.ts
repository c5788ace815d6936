import { describe, expect, test } from "vitest";
import { readOptions } from "../../../net/driver/options.ts";
import { type RangeWish, readRanges, uniqueLocalSubnet } from "../../../net/ranges.ts";

const wish = (change: Partial<RangeWish>): RangeWish => ({
  subnets: [],
  gateways: [],
  ipRanges: [],
  auxiliary: {},
  ...change,
});

describe("the addresses of a new network", () => {
  test("are completed, one subnet of each family", async () => {
    expect(
      await readRanges(
        wish({
          subnets: ["10.9.0.0/16", "2001:DB8:0:0::/64"],
          gateways: ["10.9.0.254"],
          ipRanges: ["10.9.128.0/17", "2001:db8::8000:0:0:0/65"],
          auxiliary: { router: "10.9.0.2", printer: "2001:db8::0:5" },
        }),
      ),
    ).toEqual({
      ...{ subnet: "10.9.0.0/16", gateway: "10.9.0.254", ipRange: "10.9.128.0/17" },
      ...{ subnet6: "2001:db8::/64", gateway6: "2001:db8::1", ipRange6: "2001:db8:0:0:8000::/65" },
      auxiliary: { router: "10.9.0.2", printer: "2001:db8::5" },
    });
  });

  test("are unique local ones of the network's id", () => {
    expect(uniqueLocalSubnet(`0123456789abcd${"0".repeat(50)}`)).toEqual({
      subnet6: "fd01:2345:6789:abcd::/64",
      gateway6: "fd01:2345:6789:abcd::1",
    });
  });

  test.each<[Partial<RangeWish>, RegExp]>([
    [{ subnets: ["10.1.0.0/24", "10.2.0.0/24"] }, /^--subnet: 10\.2\.0\.0\/24: a network has one IPv4 and/],
    [{ subnets: ["fd00:1::/64", "fd00:2::/64"] }, /^--subnet: fd00:2::\/64: a network has one IPv4 and/],
    [{ subnets: ["fd00::1/64"] }, /^--subnet: fd00::1\/64: expected fd00::\/64, the subnet's first address/],
    [{ subnets: ["fd00::/127"] }, /expected a prefix length of \/16 to \/126/],
    [{ subnets: ["fd00::"] }, /expected an IPv6 subnet/],
    [{ gateways: ["fd00::1"], subnets: ["10.1.0.0/24"] }, /^--gateway: fd00::1: needs IPv6 --subnet/],
    [{ gateways: ["x"], subnets: ["10.1.0.0/24"] }, /^--gateway: x: expected an address of 10\.1\.0\.0\/24/],
    [{ gateways: ["fd01::1"], subnets: ["fd00::/64"] }, /^--gateway: fd01::1: outside of fd00::\/64$/],
    [{ ipRanges: ["10.1.0.0/25"] }, /^--ip-range: 10\.1\.0\.0\/25: needs --subnet/],
    [{ ipRanges: ["10.1.1.0/25"], subnets: ["10.1.0.0/24"] }, /expected a part of 10\.1\.0\.0\/24/],
    [{ ipRanges: ["10.1.0.1"], subnets: ["10.1.0.0/24"] }, /expected a block such as/],
    [
      { auxiliary: { a: "10.2.0.1" }, subnets: ["10.1.0.0/24"] },
      /^--aux-address: a=10\.2\.0\.1: no --subnet/,
    ],
    [{ auxiliary: { a: "b" } }, /^--aux-address: a=b: expected NAME=ADDRESS/],
  ])("%j are refused", async (change, line) => {
    await expect(readRanges(wish(change))).rejects.toThrow(line);
  });
});

describe("the options of a driver", () => {
  test("say what it is made of, by our names or docker's", () => {
    expect(
      readOptions("bridge", {
        mtu: "9000",
        "com.docker.network.bridge.enable_icc": "false",
        vlan: "7",
        parent: "up0",
      }),
    ).toEqual({ mtu: 9000, icc: false, parent: "up0.7" });
    expect(readOptions("macvlan", { parent: "up0" })).toEqual({
      parent: "up0",
      bridge: "up0",
      mode: "bridge",
    });
    expect(readOptions("ipvlan", { parent: "up0.50", ipvlan_mode: "l3s" })).toEqual({
      ...{ parent: "up0.50", bridge: "up0.50", mode: "l3s" },
    });
    expect(readOptions("vxlan", { vni: "42", remote: "10.0.0.2,10.0.0.3", dev: "up0" })).toEqual({
      vxlan: { vni: 42, remotes: ["10.0.0.2", "10.0.0.3"], dev: "up0", port: 4789 },
    });
    expect(readOptions("link", { "com.docker.network.driver.mtu": "1400" })).toEqual({ mtu: 1400 });
  });

  test.each([
    ["bridge", { vlan: "7" }, /^network option vlan: needs parent/],
    ["bridge", { parent: "up0" }, /^network option parent: needs vlan/],
    ["bridge", { vlan: "4095", parent: "up0" }, /expected 1 to 4094/],
    ["bridge", { vlan: "4000", parent: "verylonglink" }, /longer than 15 characters/],
    ["bridge", { host_binding_ipv4: "::" }, /expected an IPv4 address/],
    ["macvlan", {}, /^--driver macvlan: needs -o parent=LINK/],
    ["macvlan", { parent: "up0", macvlan_mode: "l2" }, /expected bridge, private, vepa, passthru/],
    ["macvlan", { icc: "false" }, /^network option icc: expected one of mtu, .* with --driver macvlan$/],
    ["ipvlan", { parent: "up0", ipvlan_mode: "bridge" }, /expected l2, l3, l3s/],
    ["vxlan", { remote: "10.0.0.2" }, /needs -o vni=NUMBER/],
    ["vxlan", { vni: "42" }, /needs -o remote=ADDRESS/],
    ["vxlan", { vni: "16777216", remote: "10.0.0.2" }, /expected 1 to 16777215/],
    ["vxlan", { vni: "1", remote: "10.0.0.2,fd00::1" }, /expected addresses of one family/],
    ["vxlan", { vni: "1", remote: "10.0.0.2", local: "fd00::1" }, /of another family than remote/],
    ["link", { parent: "up0" }, /^network option parent: expected one of mtu, /],
  ] as const)("%s %j are refused", (driver, options, line) => {
    expect(() => readOptions(driver, options)).toThrow(line);
  });
});
