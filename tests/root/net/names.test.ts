import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { type Running, startCommand } from "../../harness/command.ts";
import { type TestHost, withTestHost } from "../../harness/host.ts";
import { startIdle } from "../../harness/idle.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";
import { endSupervisor } from "../../harness/supervisor.ts";

/** On a host whose resolv.conf names the outside; nothing of its names may be left. */
async function onHost(act: (host: TestHost) => Promise<void>, resolvers = ""): Promise<void> {
  const script = `file=$(mktemp)
printf '%s' '${resolvers}' > $file
mount --bind $file /etc/resolv.conf
rm $file
`;
  await withTestHost(
    async (host) => {
      await act(host);
      await host.mdocker(["gc", "--networks"]);
      await expectNothingLeft(host.fresh, "gone");
    },
    { image: await sharedLabImage(), script },
  );
}

async function ok(host: TestHost, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await host.mdocker(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout.trim();
}

/** A server for the rest of the world: its answer is 203.0.113.7, of `long.test` so much of it that it takes TCP. */
const nameServer = `
const { createSocket } = require("dgram");
const address = process.argv[1];
const answer = (query, tcp) => {
  const end = query.indexOf(0, 12) + 5;
  const name = query.toString("latin1", 13, end - 5).replaceAll(/[^a-z0-9]/g, ".");
  console.log("asked", name, tcp ? "by tcp" : "by udp");
  const head = Buffer.from(query.subarray(0, 12));
  const long = name === "long.test";
  const missing = name === "missing.test";
  head.writeUInt16BE(long && !tcp ? 0x8380 : missing ? 0x8183 : 0x8180, 2);
  const count = missing || (long && !tcp) ? 0 : long ? 60 : 1;
  head.writeUInt16BE(count, 6);
  head.writeUInt32BE(0, 8);
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 203, 0, 113, 7]);
  return Buffer.concat([head, query.subarray(12, end), ...Array(count).fill(record)]);
};
const udp = createSocket("udp4");
udp.on("message", (query, from) => udp.send(answer(query, false), from.port, from.address));
require("net").createServer((socket) => {
  socket.on("error", () => undefined);
  socket.on("data", (data) => {
    const bytes = answer(data.subarray(2), true);
    socket.write(Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]));
  });
}).listen(53, address, () => udp.bind(53, address, () => console.log("bound")));
process.stdin.resume().on("end", () => process.exit());
`;

async function startNameServer(enter: readonly string[], address: string): Promise<Running> {
  const env = { PATH: process.env["PATH"] };
  const server = startCommand([...enter, process.execPath, "-e", nameServer, address], { env });
  await server.says(/^bound$/m);
  return server;
}

async function endServer(server: Running): Promise<void> {
  server.child.stdin.end();
  await server.ended;
}

/** The pid of the process that answers names: the others wait at its socket. 0 while there is none. */
async function answering(host: TestHost): Promise<number> {
  const listening = await host.hostRun(["ss", "-xlpH", "src", `${host.place.state}/resolver`]);
  return Number(/pid=(\d+)/.exec(listening)?.[1] ?? 0);
}

/** Until another process than `before` answers names: its pid. */
async function nextAnswering(host: TestHost, before: number): Promise<number> {
  for (;;) {
    const pid = await answering(host);
    if (pid !== before && pid !== 0) return pid;
    await pause(10);
  }
}

describe("names, without a supervisor", () => {
  test("are known to the very first instruction: its own and its neighbour's", async () => {
    await onHost(async (host) => {
      // The first of all, on a network that is not there yet.
      expect(
        await ok(host, "run", "--name", "alone", "/bin/dig", "+short", "+tries=1", "+time=20", "alone"),
      ).toBe("10.200.1.2");
      const db = await startIdle(host, "db", ["--hostname", "store", "--network-alias", "sql"]);
      const names = ["db", "DB", "store", "sql", "db.bridge", "Sql.Bridge"];
      const asked = await ok(host, "run", "/bin/dig", "+short", "+tries=1", "+time=20", ...names);
      expect(asked.split("\n")).toEqual(names.map(() => db.address));
      expect(await ok(host, "run", "--name", "web", "/bin/getent", "ahostsv4", "web")).toMatch(
        /^10\.200\.1\.\d+ /,
      );
      const own = await ok(host, "run", "/bin/sh", "-c", 'dig +short "$HOSTNAME"; hostname -I');
      expect(new Set(own.split(/\s+/)).size).toBe(1);
      // Neither its name nor its address is for others to know.
      const shown = await ok(
        host,
        ...[
          "run",
          "/bin/sh",
          "-c",
          "dig db AAAA; dig db MX; dig +tcp db; dig +noedns -x $(dig +short db); dig +short version.bind CH TXT",
        ],
      );
      expect(shown.match(/status: \w+/g)).toEqual(Array(4).fill("status: NOERROR"));
      expect(shown.match(/ANSWER: \d/g)).toEqual([0, 0, 1, 1].map((count) => `ANSWER: ${count}`));
      expect(shown).toMatch(/\sPTR\s+db\.bridge\./);
      expect(shown).toMatch(/^db\.\s+0\s+IN\s+A\s+10\.200\.1\.3$/m);
      await db.end();
    });
  });

  test("are answered on and on, whoever of those that could is killed or ends", async () => {
    await onHost(async (host) => {
      const one = await startIdle(host, "one");
      const two = await startIdle(host, "two");
      const three = await startIdle(host, "three");
      // One question after another. What has reached a server that is killed is lost with it, as any datagram may be;
      // then a second question is answered. Nothing else may be lost.
      const kills = 2;
      const asking = host.start([
        ...["run", "-i", "--name", "four", "/bin/bash", "-c"],
        `
          ask() { dig +short +tries=1 +time=$1 two > /tmp/out; }
          echo asking
          while ! read -t 0; do
            ask 3 || { echo lost; ask 20; } || echo FAILED
            grep -qx 10.200.1.3 /tmp/out || echo WRONG
          done
          echo asked`,
      ]);
      await asking.says(/^asking$/m);
      const first = await answering(host);
      expect(first).toBeGreaterThan(0);
      // Killed: the run takes its container with it.
      process.kill(first, "SIGKILL");
      const second = await nextAnswering(host, first);
      const runs = [one, two, three];
      // Stopped by the shell, and going on.
      process.kill(second, "SIGTSTP");
      const relief = await nextAnswering(host, second);
      process.kill(second, "SIGCONT");
      // A supervisor, which is killed, too.
      await ok(host, "run", "-d", "--name", "kept", "/bin/sleep", "1000");
      const third = await nextAnswering(host, relief);
      process.kill(third, "SIGKILL");
      const fourth = await nextAnswering(host, third);
      await ok(host, "run", "-d", "--name", "more", "/bin/sleep", "1000");
      const fifth = await nextAnswering(host, fourth);
      // Ended in order.
      await endSupervisor(host.place);
      await nextAnswering(host, fifth);
      asking.child.stdin.write("enough\n");
      await asking.says(/^asked$/m);
      const [, ...lost] = asking.output().split("\n").slice(0, -2);
      expect(lost.filter((line) => line !== "lost")).toEqual([]);
      expect(lost.length).toBeLessThanOrEqual(kills);
      asking.child.stdin.end();
      await asking.ended;
      for (const run of runs) await run.end();
      await ok(host, "rm", "-f", "kept", "more");
    });
  });
});

describe("names, with a supervisor", () => {
  test("follow their containers: stopped, started elsewhere, renamed, connected, disconnected, removed", async () => {
    await onHost(async (host) => {
      await ok(host, "network", "create", "red", "--subnet", "10.77.1.0/24");
      const asker = await startIdle(host, "asker");
      const dig = async (...names: string[]) =>
        (await asker.sh(`dig +short +tries=1 +time=20 ${names.join(" ")}; echo .`)).output
          .split("\n")
          .slice(0, -1);
      await ok(host, "run", "-d", "--name", "web", "--network-alias", "www", "/bin/sleep", "1000");
      expect(await dig("web", "www")).toEqual(["10.200.1.3", "10.200.1.3"]);
      expect(await ok(host, "network", "resolve", "www")).toBe("10.200.1.3");
      expect(await ok(host, "network", "resolve", "10.200.1.3")).toBe("web.bridge");
      await ok(host, "stop", "-t", "0", "web");
      expect(await dig("web", "www")).toEqual([]);
      const gone = await host.mdocker(["network", "resolve", "web"]);
      expect(gone).toMatchObject({
        code: 1,
        stdout: "",
        stderr: expect.stringMatching(
          /^mdocker: resolve web: no container that runs has this name on any network\n$/,
        ),
      });
      await ok(host, "start", "web");
      expect(await dig("web")).toEqual(["10.200.1.4"]);
      await ok(host, "rename", "web", "site");
      expect(await dig("web", "site", "site.bridge", "www")).toEqual(Array(3).fill("10.200.1.4"));
      expect(await dig("-x", "10.200.1.4")).toEqual(["site.bridge."]);
      // On another network: unknown until the asker is on it, too; then by the server it has had all along.
      await ok(
        host,
        "run",
        "-d",
        "--name",
        "db",
        "--network",
        "red",
        "--network-alias",
        "www",
        "/bin/sleep",
        "1000",
      );
      expect(await dig("db", "db.red")).toEqual([]);
      await ok(host, "network", "connect", "--alias", "friend", "red", "asker");
      expect(await dig("db", "db.red", "friend", "www.red")).toEqual([
        "10.77.1.2",
        "10.77.1.2",
        "10.77.1.3",
        "10.77.1.2",
      ]);
      expect(await ok(host, "network", "resolve", "--network", "red", "www")).toBe("10.77.1.2");
      expect((await ok(host, "network", "resolve", "www")).split("\n")).toEqual(["10.200.1.4", "10.77.1.2"]);
      await ok(host, "network", "disconnect", "red", "asker");
      expect(await dig("db", "friend")).toEqual([]);
      // The same network once more: its port is free, whoever had it open.
      await ok(host, "rm", "-f", "db");
      await ok(host, "network", "rm", "red");
      await ok(host, "network", "create", "red", "--subnet", "10.77.1.0/24");
      await ok(host, "run", "-d", "--name", "db", "--network", "red", "/bin/sleep", "1000");
      expect(
        await ok(host, "run", "--network", "red", "/bin/dig", "+short", "+tries=1", "+time=20", "db"),
      ).toBe("10.77.1.2");
      await ok(host, "kill", "site");
      await ok(host, "wait", "site");
      expect(await dig("site", "www")).toEqual([]);
      await asker.end();
      await ok(host, "rm", "-f", "site", "db");
      await ok(host, "network", "rm", "red");
      await endSupervisor(host.place);
    });
  });
});

describe("the host itself", () => {
  test("asks at an address of its loopback, for the names of all networks and for everything else", async () => {
    await onHost(async (host) => {
      const local = await startNameServer(host.place.enter, "127.0.0.53");
      for (const bad of ["10.200.1.1", "127.0.0.1:0", "127.0.0.1:70000", "localhost", "127.1"]) {
        const refused = await host.mdocker(["supervisor", "--dns", bad]);
        expect(refused).toMatchObject({
          code: 1,
          stderr: expect.stringContaining(`--dns: ${bad}: expected`),
        });
      }
      const taken = await host.mdocker(["supervisor", "--dns", "127.0.0.53"]);
      expect(taken).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/^mdocker: --dns: port 53 of 127/),
      });
      const supervisor = host.start(["supervisor", "--dns", "127.0.0.153"]);
      // Else the first of the containers would bring one of its own.
      await host.hostRun(["sh", "-c", `until [ -S ${host.place.state}/mdocker.sock ]; do sleep .01; done`]);
      await ok(host, "network", "create", "red", "--internal", "--subnet", "10.77.1.0/24");
      await ok(host, "run", "-d", "--name", "web", "/bin/sleep", "1000");
      await ok(host, "run", "-d", "--name", "db", "--network", "red", "/bin/sleep", "1000");
      const dig = (...names: string[]) => host.hostRun(["dig", "+short", "+tries=1", "+time=20", ...names]);
      expect(await dig("web", "web.bridge", "db.red", "-x", "10.77.1.2")).toBe(
        "10.200.1.2\n10.200.1.2\n10.77.1.2\ndb.red.\n",
      );
      expect(await dig("some.test")).toBe("203.0.113.7\n");
      expect((await host.hostRun(["getent", "ahostsv4", "db"])).split(/\s/)[0]).toBe("10.77.1.2");
      // A container does not learn by that way of networks that it is not on.
      expect(await ok(host, "run", "/bin/dig", "+short", "+tries=1", "+time=20", "db")).toBe("203.0.113.7");
      await ok(host, "rm", "-f", "web", "db");
      await ok(host, "network", "rm", "red");
      await endSupervisor(host.place);
      expect((await supervisor.ended).code).toBe(0);
      await endServer(local);
    }, "nameserver 127.0.0.153\nnameserver 127.0.0.53\n");
  });
});

describe("everything else", () => {
  test("is asked of the host's servers, on its loopback too, or of those of --dns; not from inside an internal network", async () => {
    await onHost(async (host) => {
      const local = await startNameServer(host.place.enter, "127.0.0.53");
      const outer = await startNameServer(host.outside.enter, host.outside.address);
      const asked = await ok(
        host,
        ...[
          "run",
          "/bin/sh",
          "-c",
          "dig +short some.test; dig missing.test | grep -o 'status: [A-Z]*'; dig +short long.test | wc -l",
        ],
      );
      expect(asked).toBe("203.0.113.7\nstatus: NXDOMAIN\n60");
      expect(local.output()).toMatch(
        /asked some.test by udp\nasked missing.test by udp\nasked long.test by udp\nasked long.test by tcp/,
      );
      await ok(host, "network", "create", "inside", "--internal", "--subnet", "10.77.1.0/24");
      const flags = ["--dns", host.outside.address];
      const both = "dig +short +tries=1 +time=20 here there.test";
      expect(await ok(host, "run", "--name", "here", ...flags, "/bin/sh", "-c", both)).toMatch(
        /^10\.200\.1\.\d+\n203\.0\.113\.7$/,
      );
      expect(outer.output()).toContain("asked there.test");
      expect(local.output()).not.toContain("there.test");
      const refused = "dig +short +tries=1 +time=20 here; dig there.test | grep -o 'status: [A-Z]*'";
      expect(
        await ok(host, "run", "--name", "here", "--network", "inside", ...flags, "/bin/sh", "-c", refused),
      ).toBe("10.77.1.2\nstatus: REFUSED");
      // Without a server that answers, there is an end of it, too.
      await endServer(local);
      const nobody = "dig +tries=1 +time=20 some.test | grep -o 'status: [A-Z]*'";
      expect(await ok(host, "run", "/bin/sh", "-c", nobody)).toBe("status: SERVFAIL");
      await endServer(outer);
      await ok(host, "network", "rm", "inside");
    }, "nameserver 127.0.0.53\noptions edns0\n");
  });

  test("does not come from outside, and port 53 may be another's: then it is said", async () => {
    await onHost(async (host) => {
      const web = await startIdle(host, "web");
      const dig = (seconds: number) =>
        ["dig", "+tries=1", `+time=${seconds}`, "+short", "@10.200.1.1", "web"] as const;
      await host.outsideRun(["ip", "route", "add", "10.200.1.0/24", "via", host.address]);
      const outside = await host.outsideRun(["sh", "-c", `${dig(1).join(" ")} || echo none`]);
      expect(outside).toMatch(/no servers could be reached[\s\S]*none\n$/);
      expect(await host.hostRun(dig(20))).toBe(`${web.address}\n`);
      await web.end();
      const other = await startNameServer(host.place.enter, "10.200.1.1");
      const run = host.start(["run", "-i", "/bin/cat"]);
      await run.says(/warning: names are not resolved: another program has port 53 of 10\.200\.1\.1\b/);
      run.child.stdin.end();
      await run.ended;
      await endServer(other);
    });
  });
});
