import { describe, expect, test } from "vitest";
import { defaultNetwork } from "../../../net/network.ts";
import { checkFixedAddress, parseSubnet } from "../../../net/subnet.ts";
import { UsageError } from "../../../src/core/errors.ts";

const instance = { root: "/r", state: "/s", prefix: "mdocker" };

describe("the default network", () => {
  test("is mdocker0 with 10.200.1.0/24", async () => {
    expect(await defaultNetwork(instance, undefined)).toEqual({
      name: "bridge",
      owner: "mdocker",
      bridge: "mdocker0",
      subnet: "10.200.1.0/24",
      gateway: "10.200.1.1",
      internal: false,
      icc: true,
      masquerade: true,
    });
  });

  test("takes another prefix and another subnet", async () => {
    const network = await defaultNetwork({ ...instance, prefix: "lab7" }, "172.30.0.0/16");
    expect(network).toMatchObject({ bridge: "lab70", subnet: "172.30.0.0/16", gateway: "172.30.0.1" });
  });
});

describe("a subnet", () => {
  test.each([
    ["10.0.0.0", "an IPv4 subnet such as 10.200.1.0/24"],
    ["fd00::/64", "an IPv4 subnet such as 10.200.1.0/24"],
    ["10.0.0/24", "an IPv4 subnet such as 10.200.1.0/24"],
    ["10.0.0.0/33", "an IPv4 subnet such as 10.200.1.0/24"],
    ["300.0.0.0/24", "an IPv4 subnet such as 10.200.1.0/24"],
    ["10.0.0.0/31", "a prefix length of /8 to /30"],
    ["0.0.0.0/0", "a prefix length of /8 to /30"],
    ["10.200.1.7/24", "10.200.1.0/24, the subnet's first address"],
    ["10.200.1.0/024", "an IPv4 subnet such as 10.200.1.0/24"],
  ])("%s is refused", async (text, expected) => {
    const refusal = parseSubnet(text, "--subnet");
    await expect(refusal).rejects.toThrow(`--subnet: ${text}: expected ${expected}`);
    await expect(refusal).rejects.toBeInstanceOf(UsageError);
  });
});

describe("a fixed address", () => {
  test.each([
    ["10.200.1", "expected an IPv4 address of 10.200.1.0/24"],
    ["10.200.1.05", "expected an IPv4 address of 10.200.1.0/24"],
    ["10.200.1.5/24", "expected an IPv4 address of 10.200.1.0/24"],
    ["fd00::5", "expected an IPv4 address of 10.200.1.0/24"],
    ["10.200.2.5", "outside of 10.200.1.0/24, the subnet of network bridge"],
    ["10.200.1.1", "that is the gateway of network bridge"],
    ["10.200.1.0", "that is the address of the subnet 10.200.1.0/24 itself"],
    ["10.200.1.255", "that is the broadcast address of 10.200.1.0/24"],
  ])("%s is refused", async (address, why) => {
    const refusal = checkFixedAddress(await defaultNetwork(instance, undefined), address);
    await expect(refusal).rejects.toThrow(`--ip: ${address}: ${why}`);
    await expect(refusal).rejects.toBeInstanceOf(UsageError);
  });

  test("inside is fine", async () => {
    const network = await defaultNetwork(instance, undefined);
    await expect(checkFixedAddress(network, "10.200.1.254")).resolves.toBeUndefined();
  });
});
