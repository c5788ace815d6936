// @vm
import { describe, expect, test } from "vitest";
import { startCommand } from "../../harness/command.ts";
import { type TestHost, withTestHost } from "../../harness/host.ts";
import { startIdle } from "../../harness/idle.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";

/** Says on stdout who has called, one line each, until its stdin ends. */
const listener = `
const server = require("net").createServer((socket) => {
  console.log("from", socket.remoteAddress);
  socket.end("welcome\\n");
});
server.listen(4711, "0.0.0.0", () => console.log("listening"));
process.stdin.resume().on("end", () => process.exit());
`;

/** Rules of others, in our place and elsewhere, in both backends: they must stay as they are. */
const foreign = `
for save in nft legacy; do
  iptables-$save -N THEIRS
  iptables-$save -A THEIRS -s 198.51.100.0/24 -j RETURN
  iptables-$save -A FORWARD -j THEIRS
  iptables-$save -A INPUT -i lo -m comment --comment "theirs: mdocker is no name of theirs" -j ACCEPT
  iptables-$save -t nat -A POSTROUTING -s 198.51.100.0/24 -o up0 -j MASQUERADE
  iptables-$save -t nat -A PREROUTING -p tcp --dport 1 -j DNAT --to-destination 198.51.100.1:2
  iptables-$save -t raw -A PREROUTING -s 198.51.100.7 -j DROP
done
`;

/** All rules of both backends as they are printed, without counters and the comments that hold the time. */
async function savedRules(host: TestHost): Promise<string> {
  const text = await host.hostRun(["sh", "-c", "iptables-nft-save; iptables-legacy-save"]);
  return text.replaceAll(/^#.*\n/gm, "").replaceAll(/\[\d+:\d+\]/g, "");
}

describe.each(["nft", "legacy"])("on iptables-%s", (backend) => {
  test("the outside sees the host's address, and can begin nothing itself", async () => {
    const image = await sharedLabImage();
    await withTestHost(
      async (host) => {
        const env = { MDOCKER_IPTABLES: backend };
        const mine = { ...host, start: (args, more) => host.start(args, { ...more, env }) } as TestHost;
        const outside = startCommand([...host.outside.enter, process.execPath, "-e", listener], {
          env: host.env,
        });
        await outside.says(/^listening$/m);
        const one = await startIdle(mine, "one");
        const answer = await one.sh(`nc -N -w 10 ${host.outside.address} 4711 </dev/null`);
        expect(answer.output).toBe("welcome");
        await outside.says(new RegExp(`^from ${host.address}$`, "m"));
        expect(outside.output()).not.toContain("10.200.");
        expect((await one.sh(`ping -c 1 -W 5 ${host.outside.address}`)).code).toBe(0);
        // One who knows the way in is refused at the door.
        await host.outsideRun(["ip", "route", "add", "10.200.1.0/24", "via", host.address]);
        await expect(host.outsideRun(["ping", "-c", "1", "-W", "1", one.address])).rejects.toThrow(
          "100% packet loss",
        );
        outside.child.stdin.end();
        await outside.ended;
        await one.end();
      },
      { image, script: `iptables-${backend} -P FORWARD DROP\n` },
    );
  });

  test("rules of others and ip_forward are as before when the network has gone", async () => {
    const image = await sharedLabImage();
    await withTestHost(
      async (host) => {
        const env = { MDOCKER_IPTABLES: backend };
        const forwarding = (): Promise<string> => host.hostRun(["cat", "/proc/sys/net/ipv4/ip_forward"]);
        const before = await savedRules(host);
        expect(before.match(/THEIRS/g)?.length).toBe(6);
        expect(await forwarding()).toBe("0\n");
        const { code, stdout } = await host.mdocker(
          ["run", "/bin/sh", "-c", `ping -c 1 -W 5 ${host.outside.address}`],
          { env },
        );
        expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining("1 received") });
        expect(await forwarding()).toBe("1\n");
        const during = await savedRules(host);
        for (const line of before.split("\n")) expect(during).toContain(line);
        const own = during.split("\n").filter((line) => line.startsWith("-A") && !before.includes(line));
        for (const line of own) expect(line).toMatch(new RegExp(`--comment "?${host.place.prefix}[" :]`));
        expect(await host.mdocker(["gc", "--networks"], { env })).toMatchObject({ code: 0, stderr: "" });
        expect(await savedRules(host)).toBe(before);
        expect(await forwarding()).toBe("0\n");
        await expectNothingLeft(host.fresh, "gone");
      },
      { image, script: `${foreign}iptables-${backend} -P FORWARD DROP\n` },
    );
  });

  test("forwarding that somebody wanted before stays on", async () => {
    const image = await sharedLabImage();
    await withTestHost(
      async (host) => {
        const env = { MDOCKER_IPTABLES: backend };
        await host.mdocker(["run", "/bin/true"], { env });
        await host.mdocker(["gc", "--networks"], { env });
        expect(await host.hostRun(["cat", "/proc/sys/net/ipv4/ip_forward"])).toBe("1\n");
      },
      { image, script: "echo 1 > /proc/sys/net/ipv4/ip_forward\n" },
    );
  });
});

test("an unknown choice of iptables is refused in one line, and nothing is left", async () => {
  await withTestHost(
    async (host) => {
      const result = await host.mdocker(["run", "/bin/true"], { env: { MDOCKER_IPTABLES: "ipfw" } });
      expect(result).toEqual({
        code: 1,
        stdout: "",
        stderr: "mdocker: MDOCKER_IPTABLES: ipfw: expected nft or legacy\n",
      });
      await expectNothingLeft(host.fresh, "gone");
    },
    { image: await sharedLabImage() },
  );
});
