import { describe, expect, test } from "vitest";
import { startCommand } from "../../harness/command.ts";
import { type TestHost, withTestHost } from "../../harness/host.ts";
import { inspect, startIdle } from "../../harness/idle.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";

/** A host whose resolv.conf and hosts say what the test wants. */
async function onHost(act: (host: TestHost) => Promise<void>, resolvers: string): Promise<void> {
  const script = `file=$(mktemp)
printf '%s' '${resolvers}' > $file
mount --bind $file /etc/resolv.conf
rm $file
`;
  await withTestHost(act, { image: await sharedLabImage(), script });
}

/** Says 203.0.113.7 to every question (RFC 1035, 4.1), until its stdin ends. */
const nameServer = `
const server = require("dgram").createSocket("udp4");
server.on("message", (query, { port, address }) => {
  const end = query.indexOf(0, 12) + 5;
  console.log("asked", query.toString("latin1", 13, end - 5).replaceAll(/[^a-z]/g, "."));
  const head = Buffer.from(query.subarray(0, 12));
  head.writeUInt16BE(0x8180, 2);
  head.writeUInt16BE(1, 6);
  head.writeUInt16BE(0, 10);
  const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 203, 0, 113, 7]);
  server.send(Buffer.concat([head, query.subarray(12, end), answer]), port, address);
});
server.bind(53, () => console.log("bound"));
process.stdin.resume().on("end", () => process.exit());
`;

const shown = ["/bin/cat", "/etc/resolv.conf"];

describe("/etc/resolv.conf", () => {
  test("names the gateway, where mdocker answers; the rest is the host's, or what flags say", async () => {
    await onHost(async (host) => {
      expect((await host.mdocker(["run", ...shown])).stdout).toBe(
        "nameserver 10.200.1.1\nsearch example.org\noptions ndots:3\n",
      );
      expect(
        (
          await host.mdocker([
            ...[
              "run",
              "--dns",
              "192.0.2.2",
              "--dns",
              "fd00::2",
              "--dns-search",
              "a.test",
              "--dns-search",
              "b.test",
            ],
            ...["--dns-option", "timeout:1", "--dns-option", "rotate", ...shown],
          ])
        ).stdout,
      ).toBe("nameserver 10.200.1.1\nsearch a.test b.test\noptions timeout:1 rotate ndots:0\n");
      expect((await host.mdocker(["run", "--dns-search", ".", ...shown])).stdout).toBe(
        "nameserver 10.200.1.1\noptions ndots:3\n",
      );
    }, "nameserver 127.0.0.1\nnameserver 192.0.2.53\nsearch example.org\noptions ndots:3\n");
  });

  test("without a network names none that only answers on the host, and says what to do; on the host's it works", async () => {
    await onHost(async (host) => {
      expect((await host.mdocker(["run", "--net", "none", ...shown])).stdout).toMatch(
        /^# No nameserver: .*127\.0\.0\.1 only answers on the host.*--dns ADDRESS\.\n$/,
      );
      expect((await host.mdocker(["run", "--net", "host", ...shown])).stdout).toBe("nameserver 127.0.0.1\n");
    }, "nameserver 127.0.0.1\n");
  });

  test("names are asked of the server that --dns names", async () => {
    await onHost(async (host) => {
      const server = startCommand([...host.outside.enter, process.execPath, "-e", nameServer], {
        env: host.env,
      });
      await server.says(/^bound$/m);
      const { code, stdout } = await host.mdocker([
        ...["run", "--dns", host.outside.address, "--dns-search", "example.test", "--dns-option", "ndots:1"],
        ...["/bin/sh", "-c", "getent ahostsv4 wanted | head -n 1"],
      ]);
      expect(stdout).toMatch(/^203\.0\.113\.7\s/);
      expect(code).toBe(0);
      expect(server.output()).toContain("asked wanted.example.test");
      server.child.stdin.end();
      await server.ended;
    }, "");
  });
});

describe("/etc/hosts and /etc/hostname", () => {
  test("have its own name at its own address, and what --add-host says", async () => {
    await onHost(async (host) => {
      const one = await startIdle(host, "one", [
        ...["--hostname", "web", "--add-host", "db:10.200.1.99", "--add-host", "six=[fd00::9]"],
        ...["--add-host", "outer:host-gateway"],
      ]);
      const { output } = await one.sh("cat /etc/hosts");
      expect(output.split("\n").slice(-4)).toEqual([
        "10.200.1.99\tdb",
        "fd00::9\tsix",
        "10.200.1.1\touter",
        `${one.address}\tweb`,
      ]);
      expect(output).toContain("127.0.0.1\tlocalhost");
      expect((await one.sh("cat /etc/hostname; hostname; echo $HOSTNAME")).output).toBe("web\nweb\nweb");
      expect((await one.sh("ping -c 1 -W 5 outer")).code).toBe(0);
      // They are the container's own: what it writes stays in it.
      expect((await one.sh("echo 10.200.1.1 more >> /etc/hosts && ping -c 1 -W 5 more")).code).toBe(0);
      await one.end();
      await expectNothingLeft(host.fresh);
    }, "");
  });

  test("without --hostname the name is the id's first twelve digits", async () => {
    await onHost(async (host) => {
      const one = await startIdle(host, "one");
      const { id } = await inspect(host, "one");
      expect((await one.sh('hostname; ping -c 1 -W 5 "$(hostname)" | head -n 1')).output).toMatch(
        new RegExp(`^${id.slice(0, 12)}\nPING ${id.slice(0, 12)} \\(${one.address}\\)`),
      );
      await one.end();
    }, "");
  });

  test.each([
    [["--add-host", "db"], /--add-host: db: expected NAME:ADDRESS/],
    [["--add-host", "db:nowhere"], /--add-host: db:nowhere: expected NAME:ADDRESS/],
    [["--net", "none", "--add-host", "x:host-gateway"], /--add-host: x:host-gateway: [^\n]*no gateway/],
    [["--net", "host", "--add-host", "x:host-gateway"], /--add-host: x:host-gateway: [^\n]*no gateway/],
    [["--dns", "resolver"], /--dns: resolver: expected the address of a name server/],
    [["--dns-search", "a/b"], /--dns-search: a\/b: expected a domain name/],
  ])("%j is refused in one line, and nothing is left", async (flags, line) => {
    await onHost(async (host) => {
      const { code, stdout, stderr } = await host.mdocker(["run", ...flags, "/bin/true"]);
      expect(stderr).toMatch(/^mdocker: [^\n]+\n$/);
      expect(stderr).toMatch(line);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      await expectNothingLeft(host.fresh, "gone");
    }, "");
  });
});
