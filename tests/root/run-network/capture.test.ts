import { mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Running, runCommand, startCommand } from "../../harness/command.ts";
import { startIdle } from "../../harness/idle.ts";
import { sharedHost } from "../../harness/shared-host.ts";

// The full disk is a tmpfs of one megabyte.
const shared = sharedHost({
  script: "mkdir -p /run/mdocker-small && mount -t tmpfs -o size=1m tmpfs /run/mdocker-small\n",
});
const { host, folder } = shared;

/** `mdocker network capture WORDS`, as soon as it captures. */
async function capture(...words: readonly string[]): Promise<Running> {
  const running = host().start(["network", "capture", ...words]);
  await running.says(/capturing on .*\n/);
  return running;
}

/** What tcpdump reads out of a file, a line for each packet; it must find nothing wrong. */
async function read(path: string): Promise<string[]> {
  const { code, stdout, stderr } = await runCommand([...host().place.enter, "tcpdump", "-nr", path]);
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: expect.stringMatching(/^reading from file [^\n]+\n$/),
  });
  return stdout.trimEnd().split("\n");
}

/** The types of the blocks of a pcapng file, which must be whole. */
function blocks(path: string): number[] {
  const bytes = readFileSync(path);
  const types: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at + 4);
    expect(bytes.readUInt32LE(at + length - 4)).toBe(length);
    types.push(bytes.readUInt32LE(at));
    at += length;
  }
  return types;
}

const summary = /^mdocker: capturing on .*\nmdocker: (\d+) captured, 0 dropped by kernel\n$/;

test("a line for each packet, with names, and what is in it", async () => {
  const web = await startIdle(host(), "web");
  const cli = await startIdle(host(), "cli");
  const running = await capture("web");
  await cli.sh(`ping -c 1 -W 5 ${web.address}`);
  await cli.sh(`bash -c 'echo > /dev/tcp/${web.address}/81'`);
  await cli.sh(`dig +tries=1 +time=1 @${web.address} example.net`);
  await running.says(/icmp unreachable/);
  running.child.kill("SIGINT");
  const { code, stdout, stderr } = await running.ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(summary) });
  expect(stdout).toMatch(/^\d\d:\d\d:\d\d\.\d{6} in {2}cli > web icmp echo request id \d+ seq 1 len 64$/m);
  expect(stdout).toMatch(/ out web > cli icmp echo reply id \d+ seq 1 len 64$/m);
  expect(stdout).toMatch(/ in {2}cli:\d+ > web:81 tcp S seq 0 win \d+ mss 1460 wscale \d+ len 0$/m);
  expect(stdout).toMatch(/ out web:81 > cli:\d+ tcp R\. seq 0 ack 1 win 0 len 0$/m);
  expect(stdout).toMatch(/ cli:\d+ > web:53 udp len \d+ dns query \d+ A example\.net\.$/m);
  expect(stdout).toMatch(/ out web > cli icmp unreachable: port: web udp port 53$/m);
  expect(stdout.trimEnd().split("\n").length).toBe(Number(summary.exec(stderr)?.[1]));

  // A bridge shows what it forwards, and a filter what it lets through; -n shows addresses.
  const bridge = await capture("bridge", "-n", "-c", "2", "icmp", "and", "host", cli.address);
  await cli.sh(`ping -c 1 -W 5 ${web.address}`);
  const result = await bridge.ended;
  const lines = result.stdout.trimEnd().split("\n");
  expect(lines.map((line) => line.slice(16))).toEqual([
    expect.stringMatching(`^${cli.address} > ${web.address} icmp echo request`),
    expect.stringMatching(`^${web.address} > ${cli.address} icmp echo reply`),
  ]);
  expect(result.stderr).toMatch(/\nmdocker: 2 captured, 0 dropped by kernel\n$/);

  // Any interface, each packet of the loopback once.
  const any = await capture("web", "-i", "any", "-c", "4", "-n", "icmp");
  await web.sh("ping -c 1 127.0.0.1");
  await cli.sh(`ping -c 1 -W 5 ${web.address}`);
  expect((await any.ended).stdout.replaceAll(/^\S+ /gm, "").replaceAll(/ id .*/g, "")).toBe(
    [
      "lo in  127.0.0.1 > 127.0.0.1 icmp echo request",
      "lo in  127.0.0.1 > 127.0.0.1 icmp echo reply",
      `eth0 in  ${cli.address} > ${web.address} icmp echo request`,
      `eth0 out ${web.address} > ${cli.address} icmp echo reply`,
      "",
    ].join("\n"),
  );
  await web.end();
  await cli.end();
});

test("a file that tcpdump reads, whole however it ends", async () => {
  const path = (name: string): string => join(place, name);
  const place = folder();
  const web = await startIdle(host(), "web");
  const ping = (count: number) => web.sh(`ping -c ${count} -i 0.01 -W 5 10.200.1.1`);
  const enough = Array.from({ length: 6 }, () => expect.stringMatching(/ IP .* ICMP echo re/));

  const counted = await capture("web", "-w", path("count"), "-c", "6", "icmp");
  await ping(5);
  expect(await counted.ended).toMatchObject({ code: 0, stdout: "", stderr: expect.stringMatching(summary) });
  expect(await read(path("count"))).toEqual(enough);
  // Section, names, interface, packets, statistics.
  expect(blocks(path("count"))).toEqual([0x0a0d0d0a, 4, 1, ...enough.map(() => 6), 5]);
  expect(readFileSync(path("count")).includes("web\0")).toBe(true);

  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    const asked = await capture("web", "-w", path(signal), "icmp");
    await ping(3);
    // What the kernel has not handed over yet is not lost.
    asked.child.kill(signal);
    expect(await asked.ended).toMatchObject({ code: 0, stderr: expect.stringMatching(summary) });
    expect(await read(path(signal))).toEqual(enough);
    expect(blocks(path(signal)).at(-1)).toBe(5);
  }

  const timed = await capture("web", "-w", path("timed"), "--for", "2s", "--snaplen", "50", "icmp");
  await ping(3);
  expect(await timed.ended).toMatchObject({ code: 0, stderr: expect.stringMatching(summary) });
  // How many came in time, nobody knows.
  for (const line of await read(path("timed"))) expect(line).toMatch(/^$| IP .* ICMP echo re/);

  const killed = await capture("web", "-w", path("killed"), "icmp");
  await ping(3);
  const packets = (): number => blocks(path("killed")).filter((type) => type === 6).length;
  await expect.poll(packets, { timeout: 30_000 }).toBe(6);
  killed.child.kill("SIGKILL");
  await killed.ended;
  expect(await read(path("killed"))).toEqual(enough);

  const piped = startCommand(
    [...host().place.enter, "sh", "-c", '"$MDOCKER" network capture web -w - -c 6 icmp | tcpdump -nr -'],
    { env: host().env },
  );
  await piped.says(/capturing on .*\n/);
  await ping(3);
  expect((await piped.ended).stdout.trimEnd().split("\n")).toEqual(enough);

  // Whoever reads has gone: there is nothing left to do.
  const headed = startCommand(
    [...host().place.enter, "sh", "-c", '"$MDOCKER" network capture web icmp | head -n 1'],
    { env: host().env },
  );
  await headed.says(/capturing on .*\n/);
  let over = false;
  const noted = headed.ended.finally(() => {
    over = true;
  });
  // It is found out when something more is written.
  while (!over) await ping(3);
  expect((await noted).stdout).toMatch(/^\S+ .* icmp echo request .*\n$/);

  const until = await capture("web", "-w", path("until"), "icmp");
  await ping(3);
  await web.end();
  const { code, stderr } = await until.ended;
  // Whichever is seen first: that its first process has ended, or that its link has gone.
  expect(stderr.replace("mdocker: eth0 of container web has gone\n", "")).toMatch(summary);
  expect(code).toBe(0);
  expect(await read(path("until"))).toEqual(enough);
});

test("a full disk ends it in one line, and what is in the file is whole", async () => {
  const web = await startIdle(host(), "web");
  const path = "/run/mdocker-small/full.pcapng";
  const running = await capture("web", "-w", path, "icmp");
  await web.sh("ping -f -c 1500 -s 1400 -W 5 10.200.1.1 > /dev/null; true");
  const { code, stderr } = await running.ended;
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: expect.stringMatching(
      /^mdocker: capturing on [^\n]*\nmdocker: -w \S+: no room is left; what is in it is whole\n$/,
    ),
  });
  const text = await host().hostRun(["sh", "-c", `tcpdump -nr ${path} 2>/dev/null | wc -l; rm ${path}`]);
  expect(Number(text)).toBeGreaterThan(100);
  await web.end();
});

test("needs no network, no tcpdump and no privilege inside; ends with the interface", async () => {
  const place = folder();
  const bin = join(place, "bin");
  mkdirSync(bin);
  for (const name of ["node", "iptables", "iptables-save", "iptables-restore"]) {
    const { stdout } = await runCommand(["sh", "-c", `command -v ${name}`]);
    symlinkSync(stdout.trim(), join(bin, name));
  }
  const lone = await startIdle(host(), "lone", ["--network", "none", "--cap-drop", "all"]);
  const line = (...words: readonly string[]): string[] => [
    ...[...host().place.enter, "env", `PATH=${bin}`, String(host().env["MDOCKER"])],
    ...["network", "capture", "lone", ...words],
  ];
  const running = startCommand(line("-c", "1"), { env: host().env });
  await running.says(/capturing on lo of container lone\n/);
  await lone.sh("bash -c 'echo > /dev/udp/127.0.0.1/9'");
  expect((await running.ended).stdout).toMatch(/ in {2}127\.0\.0\.1:\d+ > 127\.0\.0\.1:9 udp len 1\n$/);
  const refused = await runCommand(line("icmp"), { env: host().env });
  expect(refused).toEqual({
    code: 1,
    stdout: "",
    stderr: expect.stringMatching(/^mdocker: filter: icmp: tcpdump is needed to compile it [^\n]+\n$/),
  });
  await lone.end();

  const web = await startIdle(host(), "web");
  const gone = await capture("web");
  expect((await host().mdocker(["network", "disconnect", "bridge", "web"])).code).toBe(0);
  expect(await gone.ended).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(
      /\nmdocker: eth0 of container web has gone\nmdocker: \d+ captured, 0 dropped/,
    ),
  });
  await web.end();
});

test("what cannot be is refused in one line", async () => {
  const web = await startIdle(host(), "web");
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [["web", "foo", "bar"], /^mdocker: filter: foo bar: .*syntax error/],
    [["web", "-c", "0"], /-c: "0": expected a number from 1/],
    [["web", "--snaplen", "1000000"], /--snaplen: .* expected a number from 1 to 262144/],
    [["web", "--for", "x"], /--for: "x": expected a duration/],
    [["web", "-i", "eth9"], /container web has no interface eth9/],
    [["web", "-w", "/nowhere/x"], /-w \/nowhere\/x: ENOENT/],
    [["web", "-w", "/tmp"], /-w \/tmp: EISDIR/],
    [["bridge", "-i", "eth0"], /bridge is a network/],
    [["host"], /network host has no bridge/],
    [["nobody"], /no such container or network: nobody/],
  ];
  for (const [args, line] of cases) {
    const { code, stdout, stderr } = await host().mdocker(["network", "capture", ...args]);
    expect({ args, code, stdout }).toEqual({ args, code: 1, stdout: "" });
    expect(stderr).toMatch(/^mdocker: [^\n]+\n$/);
    expect(stderr).toMatch(line);
  }
  await web.end();
});
