import { decode, encode } from "dns-packet";
import { describe, expect, test } from "vitest";
import { addressBytes, addressKey, reversedAddress } from "../../../../net/dns/address.ts";
import { type Query, readQuery, writeAnswer } from "../../../../net/dns/message.ts";
import { answerOwn } from "../../../../net/dns/resolve.ts";
import { Zone } from "../../../../net/dns/zone.ts";
import type { Network } from "../../../../net/network.ts";
import type { Lease } from "../../../../net/pool.ts";
import { identify } from "../../../../src/sys/process.ts";

const network: Network = {
  name: "red",
  owner: "mdocker",
  bridge: "mdocker-red",
  subnet: "10.77.1.0/24",
  gateway: "10.77.1.1",
  subnet6: "fd00:77::/64",
  gateway6: "fd00:77::1",
  internal: false,
  icc: true,
  masquerade: true,
};

const self = identify(process.pid) ?? { pid: 0, startTime: "" };

function lease(number: number, names: readonly string[], more: Partial<Lease> = {}): Lease {
  const container = String(number).repeat(64).slice(0, 64);
  return { container, address: `10.77.1.${number}`, names, bootId: "now", ...self, ...more };
}

const ended = new Set<string>();
const zone = new Zone(
  network,
  [
    lease(2, ["web", "www", "222222222222"], { address6: "fd00:77::2" }),
    lease(3, ["Db.One", "db"]),
    lease(4, ["two", "db"]),
    lease(5, ["dead"], { pid: 2 ** 22 + 1, startTime: "1" }),
    lease(6, ["stopped"]),
    lease(7, ["..", "x".repeat(70), "fine"]),
  ],
  (container) => ended.has(container),
);
ended.add("6".repeat(64));

function ask(name: string, type = "A"): ReturnType<typeof decode> | undefined {
  const bytes = encode({ type: "query", id: 1, flags: 0x100, questions: [{ name, type: type as "A" }] });
  const query = readQuery(bytes) as Query;
  const answer = answerOwn(query, [zone]);
  return answer === undefined ? undefined : decode(writeAnswer(query, answer, 512));
}

const data = (name: string, type = "A"): unknown[] | undefined =>
  ask(name, type)?.answers?.map((one) => (one as { data: unknown }).data);

describe("a network's names", () => {
  test("are answered, also with the network's, in whatever case", () => {
    for (const name of ["web", "WEB", "www", "222222222222", "web.red", "Www.Red"])
      expect(data(name)).toEqual(["10.77.1.2"]);
    expect(data("db.one")).toEqual(["10.77.1.3"]);
    expect(data("DB.ONE.RED")).toEqual(["10.77.1.3"]);
    expect(data("web", "AAAA")).toEqual(["fd00:77::2"]);
    expect(ask("web")).toMatchObject({ rcode: "NOERROR", flag_aa: true });
  });

  test("have no records of other types, and are nobody else's", () => {
    expect(ask("db", "AAAA")).toMatchObject({ rcode: "NOERROR", answers: [] });
    expect(ask("web", "MX")).toMatchObject({ rcode: "NOERROR", answers: [] });
    expect(data("web", "ANY")).toEqual(["10.77.1.2", "fd00:77::2"]);
  });

  test("that several have lead to all of them, each in its turn the first", () => {
    const first = new Set<unknown>();
    for (let round = 0; round < 4; round += 1) {
      const found = data("db") ?? [];
      expect([...found].sort()).toEqual(["10.77.1.3", "10.77.1.4"]);
      first.add(found[0]);
    }
    expect(first.size).toBe(2);
  });

  test("of the dead, of those that have ended, and such as cannot be names are not known", () => {
    expect(ask("dead")).toBeUndefined();
    expect(ask("stopped")).toBeUndefined();
    expect(ask("x".repeat(63))).toBeUndefined();
    expect(data("fine")).toEqual(["10.77.1.7"]);
    expect(ask("nosuch")).toBeUndefined();
    expect(ask("nosuch.red")).toBeUndefined();
    expect(ask("")).toBeUndefined();
  });

  test("are found by address; one that nobody has does not exist, and others' are for others", () => {
    expect(data("2.1.77.10.in-addr.arpa", "PTR")).toEqual(["web.red"]);
    expect(data(`2${".0".repeat(15)}.0.0.0.0.7.7.0.0.0.0.d.f.ip6.arpa`, "PTR")).toEqual(undefined);
    const six = `2.${"0.".repeat(15)}${"0.".repeat(8)}7.7.0.0.0.0.d.f.ip6.arpa`;
    expect(data(six, "PTR")).toEqual(["web.red"]);
    expect(ask("2.1.77.10.in-addr.arpa", "A")).toMatchObject({ rcode: "NOERROR", answers: [] });
    expect(ask("99.1.77.10.in-addr.arpa", "PTR")).toMatchObject({ rcode: "NXDOMAIN", flag_aa: true });
    expect(ask("5.1.77.10.in-addr.arpa", "PTR")).toMatchObject({ rcode: "NXDOMAIN" });
    expect(ask("8.8.8.8.in-addr.arpa", "PTR")).toBeUndefined();
    expect(ask("77.10.in-addr.arpa", "PTR")).toBeUndefined();
  });

  test("are for those that have an address of the network", () => {
    const covers = (address: string) => zone.covers(addressBytes(address) as Uint8Array);
    expect(["10.77.1.9", "10.77.1.1", "fd00:77::99"].map(covers)).toEqual([true, true, true]);
    expect(["10.77.2.1", "127.0.0.1", "fd00:78::1"].map(covers)).toEqual([false, false, false]);
  });
});

test.each([
  ["2.1.200.10.in-addr.arpa", "10.200.1.2"],
  ["1.200.10.in-addr.arpa", undefined],
  ["2.1.200.300.in-addr.arpa", undefined],
  ["02.1.200.10.in-addr.arpa", undefined],
  [`1.${"0.".repeat(29)}d.f.ip6.arpa`, "fd00::1"],
  [`1.${"0.".repeat(28)}d.f.ip6.arpa`, undefined],
  ["web.red", undefined],
])("the address of %s", (name, address) => {
  const found = reversedAddress(name);
  expect(found && addressKey(found)).toBe(address && addressKey(addressBytes(address) as Uint8Array));
});
