import { afterAll, beforeAll, expect, test } from "vitest";
import type { Graph } from "../../../../src/container/graph/model.ts";
import { makeTestHost, type TestHost } from "../../../harness/host.ts";
import { type Idle, startIdle } from "../../../harness/idle.ts";
import { sharedLabImage } from "../../../harness/lab-image.ts";
import { expectNothingLeft } from "../../../harness/snapshot.ts";

let made: { host: TestHost; close: () => Promise<void> };
let web: Idle;

beforeAll(async () => {
  made = await makeTestHost({ image: await sharedLabImage() });
  await made.host.mdocker(["network", "create", "red", "--subnet", "10.77.1.0/24", "--internal"]);
  web = await startIdle(made.host, "web", ["-p", "127.0.0.1:8080:80"]);
});

afterAll(async () => {
  await web.end();
  await made.host.mdocker(["gc", "--networks"]);
  await expectNothingLeft(made.host.fresh, "gone");
  await made.close();
});

async function graph(...flags: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await made.host.mdocker(["network", "graph", ...flags]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

test("the map as text, document and drawings", async () => {
  const { prefix } = made.host.place;
  const text = await graph();
  expect(text).toContain("├─ outside\n│  └─ up0 ●  192.0.2.1/30");
  expect(text).toContain("└─ bridge 10.200.1.0/24  NAT\n");
  expect(text).toMatch(
    new RegExp(`${prefix}0 ●  10\\.200\\.1\\.1/24 .*\n.*└─ web eth0 ●  ${web.address}/24  default route`),
  );
  expect(text).toContain("└─ 127.0.0.1:8080->80/tcp\n");
  const document = JSON.parse(await graph("--format", "json")) as Graph;
  expect(document).toMatchObject({
    forwarding: true,
    uplinks: [{ name: "up0", state: "up", gateway: "192.0.2.2" }],
    networks: [
      {
        name: "bridge",
        bridge: { state: "up" },
        endpoints: [{ container: "web", state: "up", defaultRoute: true }],
      },
    ],
  });
  expect(await graph("--format", "mermaid")).toMatch(
    /^flowchart LR\n[\s\S]* ---\|"eth0<br\/>10\.200\.1\.\d+\/24"\| c_[0-9a-f]+\n/,
  );
  expect(await graph("--format", "dot")).toMatch(/^graph mdocker \{\n[\s\S]*\n\}\n$/);
  expect(await graph("red")).toContain("└─ red 10.77.1.0/24  internal  no bridge\n");
  const wrong = await made.host.mdocker(["network", "graph", "--format", "png"]);
  expect(wrong).toMatchObject({
    code: 1,
    stderr: "mdocker: --format: png: expected text, mermaid, json, dot\n",
  });
});

test("--watch draws again when something changes, and ends cleanly", async () => {
  const watching = made.host.start(["network", "graph", "--watch"]);
  await watching.says(/web eth0 ●/);
  await made.host.hostRun(["nsenter", "-t", String(web.pid), "-n", "ip", "link", "set", "eth0", "down"]);
  await watching.says(/web eth0 ○ down/);
  await made.host.hostRun(["ip", "route", "delete", "default"]);
  await watching.says(/up0 ● {2}192\.0\.2\.1\/30 {2}mtu 1500 {2}\S+ \S+\n(?![\s\S]*default route via)/);
  watching.child.kill("SIGINT");
  expect((await watching.ended).code).toBe(0);
  await made.host.hostRun(["nsenter", "-t", String(web.pid), "-n", "ip", "link", "set", "eth0", "up"]);
});

test("--watch on a terminal leaves the cursor as it was", async () => {
  const watching = made.host.terminal(["network", "graph", "--watch"]);
  await watching.says(/web/);
  watching.child.stdin.write("\x03");
  const { stdout } = await watching.ended;
  expect(stdout.lastIndexOf("\x1b[?25h")).toBeGreaterThan(stdout.lastIndexOf("\x1b[?25l"));
});

test("network why in words, as a document, and by its exit code", async () => {
  const { mdocker } = made.host;
  const good = await mdocker(["network", "why", "web", "host"]);
  expect(good).toMatchObject({ code: 0, stderr: "" });
  expect(good.stdout).toMatch(/^web to host: 10\.200\.1\.\d+ → 10\.200\.1\.1\n/);
  expect(good.stdout).toMatch(
    /\nprobe: echo request: echo reply in [\d.]+ ms\nhost is reachable from web\n$/,
  );
  const bad = await mdocker(["network", "why", "host", `${web.address}:81`]);
  expect(bad).toMatchObject({ code: 1, stderr: "" });
  expect(bad.stdout).toContain(
    "the first hop that fails: web, listener 81/tcp: nobody listens on the port\n",
  );
  const document = await mdocker(["network", "why", "--json", "host", `${web.address}:81`]);
  expect(JSON.parse(document.stdout)).toMatchObject({
    verdict: "unreachable",
    probe: { outcome: "refused", errno: "ECONNREFUSED" },
    cause: { fault: "not-listening", at: "web" },
  });
  for (const [words, line] of [
    [["nope", "web"], "mdocker: no such container: nope\n"],
    [["web", "host:0"], /^mdocker: "host:0": port "0": not 1 to 65535: expected NAME, [^\n]+\n$/],
    [["web"], /^mdocker: network: missing required argument [^\n]+\n$/],
  ] as const) {
    const { code, stdout, stderr } = await mdocker(["network", "why", ...words]);
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: "",
      stderr: typeof line === "string" ? line : expect.stringMatching(line),
    });
  }
});

test("IPv6, hop by hop", async () => {
  const { mdocker } = made.host;
  await mdocker([
    "network",
    "create",
    "six",
    "--ipv6",
    "--subnet",
    "10.77.6.0/24",
    "--subnet",
    "fd12:3456:789a:6::/64",
  ]);
  const one = await startIdle(made.host, "one", ["--network", "six"]);
  const { code, stdout } = await mdocker(["network", "why", "one", "fd12:3456:789a:6::1"]);
  expect(stdout).toMatch(/ host +gateway \S+ +ok +fd12:3456:789a:6::1\/64\n/);
  expect(stdout).toContain("probe: echo request: echo reply in ");
  expect(code).toBe(0);
  await one.end();
});
