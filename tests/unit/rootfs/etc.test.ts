import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hostnameFile, hostsFile, readHostResolvConf, resolvConf } from "../../../rootfs/etc.ts";
import { UsageError } from "../../../src/core/errors.ts";
import { parseResolvConf } from "../../../src/core/resolv-conf.ts";

const hosts = { hostname: "web", addresses: ["10.200.1.2"], extraHosts: [], gateway: "10.200.1.1" };
const resolv = { host: undefined, hostNetwork: false, dns: [], dnsSearch: [], dnsOptions: [] };

describe("/etc/hosts", () => {
  test("knows localhost in both families and the container itself last", () => {
    const lines = hostsFile(hosts).split("\n");
    expect(lines).toContain("127.0.0.1\tlocalhost");
    expect(lines).toContain("::1\tlocalhost ip6-localhost ip6-loopback");
    expect(lines.at(-2)).toBe("10.200.1.2\tweb");
    expect(lines.at(-1)).toBe("");
  });

  test("has the full name first, then name and aliases, at every address", () => {
    const text = hostsFile({
      ...hosts,
      domainname: "lan",
      aliases: ["www"],
      addresses: ["10.0.0.2", "fd00::2"],
    });
    expect(text).toContain("10.0.0.2\tweb.lan web www\nfd00::2\tweb.lan web www\n");
  });

  test("without an address the name stands for the loopback", () => {
    expect(hostsFile({ ...hosts, addresses: [] })).toContain("127.0.1.1\tweb\n");
  });

  test("takes --add-host with either sign, IPv6, and host-gateway", () => {
    const extraHosts = [
      "a:192.0.2.1",
      "b=192.0.2.2",
      "c:::1",
      "d:[fd00::1]",
      "e:host-gateway",
      "f_g:fd00::2",
    ];
    const text = hostsFile({ ...hosts, extraHosts });
    expect(text).toContain(
      "192.0.2.1\ta\n192.0.2.2\tb\n::1\tc\nfd00::1\td\n10.200.1.1\te\nfd00::2\tf_g\n10.200.1.2\tweb\n",
    );
  });

  test.each([
    "a",
    "a:",
    ":1.2.3.4",
    "a:1.2.3",
    "a:256.1.1.1",
    "a:01.2.3.4",
    "a b:1.2.3.4",
    "a:::::1",
    "a:1.2.3.4\nx",
  ])("refuses --add-host %j", (text) => {
    expect(() => hostsFile({ ...hosts, extraHosts: [text] })).toThrow(UsageError);
  });

  test("host-gateway without a gateway is an error", () => {
    const request = { ...hosts, gateway: undefined, extraHosts: ["h:host-gateway"] };
    expect(() => hostsFile(request)).toThrow(
      "--add-host: h:host-gateway: the container's network has no gateway",
    );
  });

  test("no --add-host can smuggle in a second line", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          expect(hostsFile({ ...hosts, extraHosts: [text] }).split("\n")).toHaveLength(9);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
      }),
    );
  });

  test("/etc/hostname is one line", () => {
    expect(hostnameFile("web")).toBe("web\n");
  });
});

describe("/etc/resolv.conf", () => {
  test("is read as resolv.conf(5) says", () => {
    const text =
      "# c\n; d\nnameserver 192.0.2.1 # x\n nameserver\t::1\ndomain a.b\nsearch c d\noptions ndots:2 rotate\nfoo\n";
    expect(parseResolvConf(text)).toEqual({
      nameservers: ["192.0.2.1", "::1"],
      search: ["c", "d"],
      options: ["ndots:2", "rotate"],
    });
  });

  const host =
    "nameserver 127.0.0.1\nnameserver ::1\nnameserver fe80::1%eth0\nnameserver 192.0.2.1\nsearch lan\noptions ndots:1\n";

  test("leaves out what only the host reaches", () => {
    expect(resolvConf({ ...resolv, host })).toBe("nameserver 192.0.2.1\nsearch lan\noptions ndots:1\n");
  });

  test("keeps everything on the host's network", () => {
    expect(resolvConf({ ...resolv, host, hostNetwork: true })).toBe(
      "nameserver 127.0.0.1\nnameserver ::1\nnameserver fe80::1%eth0\nnameserver 192.0.2.1\nsearch lan\noptions ndots:1\n",
    );
  });

  test("flags replace, each kind by itself; . means no search", () => {
    const request = {
      ...resolv,
      host,
      dns: ["198.51.100.1", "fd00::53"],
      dnsSearch: ["."],
      dnsOptions: ["rotate"],
    };
    expect(resolvConf(request)).toBe("nameserver 198.51.100.1\nnameserver fd00::53\noptions rotate\n");
    expect(resolvConf({ ...resolv, host, dnsSearch: ["x", "y"] })).toContain("search x y\noptions ndots:1\n");
  });

  test("a --dns on the loopback is what the user asked for", () => {
    expect(resolvConf({ ...resolv, dns: ["127.0.0.1"] })).toBe("nameserver 127.0.0.1\n");
  });

  test("without a reachable server it names none and says what to do", () => {
    expect(resolvConf({ ...resolv, host: "nameserver 127.0.0.1\n" })).toBe(
      "# No nameserver: the host names none that a container reaches (127.0.0.1 only answers on the host); use --dns ADDRESS.\n",
    );
    expect(resolvConf(resolv)).toMatch(/^# No nameserver: .*use --dns ADDRESS\.\n$/);
  });

  test("refuses a --dns that is no address", () => {
    expect(() => resolvConf({ ...resolv, dns: ["one.one"] })).toThrow(
      "--dns: one.one: expected an IPv4 or IPv6 address",
    );
  });

  test("behind the stub of systemd-resolved its real servers count", () => {
    const folder = mkdtempSync(join(tmpdir(), "mdocker-etc-"));
    try {
      const [stub, real, missing] = [join(folder, "stub"), join(folder, "real"), join(folder, "missing")];
      writeFileSync(stub, "nameserver 127.0.0.53\n");
      writeFileSync(real, "nameserver 192.0.2.7\n");
      expect(readHostResolvConf(stub, real)).toBe("nameserver 192.0.2.7\n");
      expect(readHostResolvConf(stub, missing)).toBe("nameserver 127.0.0.53\n");
      expect(readHostResolvConf(real, stub)).toBe("nameserver 192.0.2.7\n");
      expect(readHostResolvConf(missing, real)).toBeUndefined();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
