import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cgroupKeys, lineKeys, topKeys } from "../../../src/cli/config/keys.ts";
import { splitWords } from "../../../src/cli/config/words.ts";
import { UsageError } from "../../../src/core/errors.ts";
import { home } from "../../../src/core/home.ts";
import { fakeView, request } from "./parse.ts";
import "../seed.ts";

const whole = `# a web server
rootfs: ./rootfs
hostname: web
name: web1
command: ["/bin/sh", -c]
args: ["echo hi"]
env: {A: 1, B: two words, HOME: }
workdir: /srv
user: "1000"
umask: 0027
network: [front, "name=back,ip=10.200.9.9"]
dns: 9.9.9.9
volumes: [./data:/data:ro, cache:/cache]
mounts:
  - type: bind
    source: ./with,comma
    target: /c
  - type=tmpfs,target=/t
tmpfs: /run:size=1m
read_only: true
labels: [a=b, bare]
ulimits:
  nofile: {soft: 1024, hard: 2048}
  core: 0
sysctls: {net.core.somaxconn: 9}
extra_hosts: {db: 10.0.0.9}
cap_add: [NET_ADMIN]
init: false
cgroups:
  memory: 128M
  cpu_shares: 256
  cpus: 1.5
  cpuset: 0
  pids: 100
  blkio_weight: 300
`;

const run = (text: string, words: readonly string[] = [], name = "run.yaml") =>
  request(["--config", `conf/${name}`, ...words], fakeView({ [`/work/conf/${name}`]: text }));

/** The one line that `run` is refused with. */
async function refusal(text: string, name?: string): Promise<string> {
  const failure = await run(text, ["/bin/true"], name).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(UsageError);
  expect((failure as UsageError).message).not.toContain("\n");
  return (failure as UsageError).message;
}

describe("YAML", () => {
  test("every kind of value", async () => {
    expect(await run(whole)).toMatchObject({
      root: { kind: "directory", path: "/work/conf/rootfs" },
      args: ["/bin/sh", "-c", "echo hi"],
      hostname: "web",
      name: "web1",
      env: ["A=1", "B=two words", "HOME=/home/user"],
      cwd: "/srv",
      user: "1000",
      umask: 0o27,
      network: {
        kind: "bridge",
        attachments: [
          { network: "front", ifname: "eth0" },
          { network: "back", ifname: "eth1", address: "10.200.9.9" },
        ],
      },
      dns: ["9.9.9.9"],
      mounts: [
        { kind: "bind", source: "/work/conf/data", target: "/data", readOnly: true, create: true },
        { kind: "volume", name: "cache", target: "/cache", readOnly: false },
        { kind: "bind", source: "/work/conf/with,comma", target: "/c", readOnly: false, create: false },
        { kind: "tmpfs", target: "/t", options: [] },
        { kind: "tmpfs", target: "/run", options: ["size=1m"] },
      ],
      readOnlyRoot: true,
      labels: { a: "b", bare: "" },
      rlimits: [
        { type: "RLIMIT_NOFILE", soft: 1024, hard: 2048 },
        { type: "RLIMIT_CORE", soft: 0, hard: 0 },
      ],
      sysctl: { "net.core.somaxconn": "9" },
      extraHosts: ["db:10.0.0.9"],
      capAdd: ["CAP_NET_ADMIN"],
      init: false,
      resources: {
        memory: { limit: 134217728 },
        cpu: { shares: 256, quota: 150000, period: 100000, cpus: "0" },
        pids: { limit: 100 },
        blockIO: { weight: 300 },
      },
    });
  });

  test("an empty file changes nothing", async () => {
    expect(await run("# nothing\n", ["/bin/true"])).toEqual(await request(["/bin/true"], fakeView()));
  });

  const refused: readonly (readonly [string, string, string | RegExp])[] = [
    [
      "unknown key",
      "image: lab\ncgroups:\n  memmory: 1m\n",
      /^conf\/run.yaml:3: unknown key "memmory": did you mean memory\? allowed: memory, memory_swap/,
    ],
    [
      "unknown top key",
      "xyzzy: 1\n",
      /^conf\/run.yaml:1: unknown key "xyzzy": expected one of rootfs, image/,
    ],
    [
      "list for a text",
      "image: lab\nhostname: [a]\n",
      "conf/run.yaml:2: hostname: expected a text or a number, found a list",
    ],
    ["keys for a text", "name:\n  x: 1\n", "conf/run.yaml:1: name: expected a text or a number, found keys"],
    [
      "nothing for a text",
      "hostname:\n",
      "conf/run.yaml:1: hostname: expected a text or a number, found nothing",
    ],
    [
      "text for keys",
      "cgroups: 128M\n",
      "conf/run.yaml:1: cgroups: expected keys such as memory: 128M, found a text",
    ],
    ["list as document", "- a\n", "conf/run.yaml:1: expected keys and values, found a list"],
    [
      "bad value",
      "image: lab\ncgroups:\n  cpus: many\n",
      /^conf\/run.yaml:3: cgroups.cpus: many: expected a number of CPUs/,
    ],
    ["bad switch", "read_only: perhaps\n", "conf/run.yaml:1: read_only: perhaps: expected true or false"],
    ["bad item", "dns:\n  - 1.1.1.1\n  - nine\n", /^conf\/run.yaml:3: dns: nine: expected/],
    ["key twice", "name: a\nname: b\n", /^conf\/run.yaml:2: not YAML: Map keys must be unique/],
    ["not YAML", "image: lab\nname: [a\n", /^conf\/run.yaml:\d: not YAML: /],
    [
      "two roots",
      "image: lab\nrootfs: ./x\n",
      /^conf\/run.yaml:2: rootfs and conf\/run.yaml:1: image contradict/,
    ],
    ["open quote", "command: echo 'x\n", /^conf\/run.yaml:1: command: .*: expected a closing '/],
    [
      "limits without hard",
      "ulimits: {nofile: {soft: 1}}\n",
      "conf/run.yaml:1: ulimits.nofile: expected soft and hard",
    ],
  ];
  test.each(refused)("refuses %s", async (_, text, expected) => {
    const message = await refusal(text);
    if (typeof expected === "string") expect(message).toBe(expected);
    else expect(message).toMatch(expected);
  });
});

describe("KEY=VALUE", () => {
  test("comments, quotes, variables", async () => {
    const text = `# limits
MEM_LIMIT=100M
export CPU_SHARES = 256   # a weight
CPUS='0.5'
PIDS_LIMIT=50
HOSTNAME="my\\"box" # not a name
ROOTFS=./rootfs
COMMAND="/bin/sh -c 'echo \\$HOME'"
NETWORK=none
ENV_GREETING="hello # world"
ENV_EMPTY=
VOLUME=./a:/a
VOLUME=./b:/b
`;
    expect(await run(text.replace('"my\\"box" # not a name', "box"), [], "run.conf")).toMatchObject({
      root: { kind: "directory", path: "/work/conf/rootfs" },
      args: ["/bin/sh", "-c", "echo $HOME"],
      hostname: "box",
      env: ["GREETING=hello # world", "EMPTY="],
      network: { kind: "none" },
      mounts: [
        { source: "/work/conf/a", target: "/a" },
        { source: "/work/conf/b", target: "/b" },
      ],
      resources: {
        memory: { limit: 104857600 },
        cpu: { shares: 256, quota: 50000, period: 100000 },
        pids: { limit: 50 },
      },
    });
    expect(await refusal(text, "run.conf")).toBe(
      'conf/run.conf:6: HOSTNAME: "my\\"box": expected up to 64 letters, digits, . and -',
    );
  });

  const refused: readonly (readonly [string, string, RegExp])[] = [
    [
      "unknown key",
      "CPUS=1\nMEM_LIMITT=1m\n",
      /^conf\/x:2: unknown key "MEM_LIMITT": did you mean MEM_LIMIT\? allowed: ROOTFS/,
    ],
    ["no assignment", "CPUS=1\nhello\n", /^conf\/x:2: "hello": expected KEY=VALUE/],
    ["key twice", "CPUS=1\n\nCPUS=2\n", /^conf\/x:3: CPUS was set already in line 1/],
    ["alias twice", "MEMORY=1m\nMEM_LIMIT=2m\n", /^conf\/x:2: MEM_LIMIT was set already in line 1/],
    ["open quote", 'NAME="x\n', /^conf\/x:1: "x: expected a closing quote/],
    ["bad value", "CPUS=1\nMEM_LIMIT=lots\n", /^conf\/x:2: MEM_LIMIT: lots: expected a size/],
  ];
  test.each(refused)("refuses %s", async (_, text, expected) => {
    expect(await refusal(text, "x")).toMatch(expected);
  });
});

describe("flags on top", () => {
  test("win over the file, and lists add up", async () => {
    const found = await run(whole, [
      ...[
        "--hostname",
        "other",
        "-m",
        "64m",
        "-e",
        "A=2",
        "-v",
        "/x:/data",
        "--net",
        "none",
        "--init",
        "/bin/true",
      ],
    ]);
    expect(found).toMatchObject({
      hostname: "other",
      args: ["/bin/true"],
      init: true,
      network: { kind: "none" },
      env: ["A=1", "B=two words", "HOME=/home/user", "A=2"],
    });
    expect(found.resources.memory).toEqual({ limit: 67108864 });
    expect(found.mounts.filter(({ target }) => target === "/data")).toEqual([
      { kind: "bind", source: "/x", target: "/data", readOnly: false, create: true },
    ]);
  });

  test("another root drops the file's, another network its address", async () => {
    const text = "image: lab\npull: never\nip: 10.200.1.9\ncgroups: {cpu_quota: 5000}\n";
    expect(await run(text, ["--rootfs", "r", "--net", "host", "--cpus", "1", "ls"])).toMatchObject({
      root: { kind: "directory", path: "/work/r" },
      network: { kind: "host" },
      args: ["ls"],
    });
  });

  test("words are the command where the file names a root, else they may name an image", async () => {
    expect(await run("image: tools\ncommand: sh\n", ["ls", "-l"])).toMatchObject({
      root: { reference: "tools" },
      args: ["ls", "-l"],
    });
    expect(await run("command: sh -l\n", ["tools"])).toMatchObject({
      root: { reference: "tools" },
      args: ["sh", "-l"],
    });
    expect(await run("command: sh -l\n")).toMatchObject({ root: { reference: "lab" }, args: ["sh", "-l"] });
  });
});

test("any text makes a request or a UsageError of one line", async () => {
  const key = fc.constantFrom(...topKeys.keys(), ...cgroupKeys.keys(), ...lineKeys.keys(), "cgroups", "x");
  const value = fc.oneof(
    fc.string(),
    fc.constantFrom("1", "64m", "[a]", "{a: b}", "&x [*x]", "*y", "? a", "|", "true", "a:/b"),
  );
  const line = fc
    .tuple(fc.constantFrom("", "  ", "- "), key, fc.constantFrom(": ", "="), value)
    .map((part) => part.join(""));
  const text = fc.oneof(
    fc.string(),
    fc.array(line, { maxLength: 6 }).map((lines) => lines.join("\n")),
  );
  await fc.assert(
    fc.asyncProperty(text, fc.constantFrom("run.yaml", "run"), async (content, name) => {
      try {
        await run(content, [], name);
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
        expect((error as Error).message).not.toContain("\n");
      }
    }),
    { numRuns: 1500 },
  );
});

test("words are split as a shell splits them", () => {
  const split = (value: string): string[] => splitWords({ value, from: "x" });
  expect(split(`  a "b c" 'd\\e' f\\ g "" "h\\"i\\j" k"l"m `)).toEqual([
    "a",
    "b c",
    "d\\e",
    "f g",
    "",
    'h"i\\j',
    "klm",
  ]);
  fc.assert(
    fc.property(fc.array(fc.string()), (words) => {
      const quoted = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
      expect(split(quoted)).toEqual(words);
    }),
  );
});

test("docs/config.md describes every key", () => {
  const text = readFileSync(join(home, "docs/config.md"), "utf8");
  const missing = [...topKeys.keys(), ...cgroupKeys.keys(), "MEM_LIMIT", "PIDS_LIMIT", "ENV_"].filter(
    (key) => !text.includes(`\`${key}`),
  );
  expect(missing).toEqual([]);
});
