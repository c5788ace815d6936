import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { makeTestHost, type TestHost } from "../../harness/host.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";
import { endSupervisor } from "../../harness/supervisor.ts";
import { deaf, polite, recordOf } from "./background.ts";

let host: TestHost;
let close: () => Promise<void>;
beforeAll(async () => {
  ({ host, close } = await makeTestHost({ image: await sharedLabImage() }));
});
afterEach(async () => {
  // A test that failed leaves its containers: they must not be in the way of the others.
  const left = (await host.mdocker(["ps", "-aq"])).stdout.split("\n").filter(Boolean);
  if (left.length > 0) await host.mdocker(["rm", "-f", ...left]);
});
afterAll(async () => {
  try {
    await endSupervisor(host.place);
    await expectNothingLeft(host.fresh);
  } finally {
    await close();
  }
});

/** `mdocker ARGS`, which has to work. Its stdout. */
async function works(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await host.mdocker(args);
  expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: "" });
  return stdout;
}

/** Starts a container on its own, and returns its id. */
async function detached(name: string, script: string, ...flags: readonly string[]): Promise<string> {
  const id = await works("run", "-d", "--net", "none", "--name", name, ...flags, "/bin/sh", "-c", script);
  expect(id).toMatch(/^[0-9a-f]{64}\n$/);
  return id.trim();
}

describe("run -d", () => {
  test("prints the id, and the container lives on; stop, wait and rm end it", async () => {
    const id = await detached("web", polite);
    expect(await recordOf(host, "web")).toMatchObject({ id, state: "running", foreground: false });
    const waiting = host.start(["wait", "web"]);
    expect(await works("stop", "web")).toBe("web\n");
    expect((await waiting.ended).stdout).toBe("5\n");
    expect(await recordOf(host, "web")).toMatchObject({
      state: "exited",
      exit: { code: 5, reason: "stopped" },
    });
    expect(await works("rm", "web")).toBe("web\n");
  });

  test("writes a cid file, and refuses one that exists", async () => {
    const file = join(host.place.root, "web.cid");
    const id = await detached("web", polite, "--cidfile", file);
    expect(readFileSync(file, "utf8")).toBe(id);
    const again = await host.mdocker(["run", "-d", "--cidfile", file, "/bin/true"]);
    expect(again.code).toBe(1);
    expect(again.stderr).toMatch(/cidfile/);
  });

  test("with --rm nothing of it stays", async () => {
    await detached("gone", "exit 3", "--rm");
    const { code, stdout } = await host.mdocker(["wait", "gone"]);
    // It may be gone already.
    if (code === 0) expect(stdout).toBe("3\n");
    await expect.poll(async () => (await host.mdocker(["ps", "-aq"])).stdout).toBe("");
  });

  test("a command that is not there is 127, and the container stays created", async () => {
    const failed = await host.mdocker(["run", "-d", "--net", "none", "--name", "none", "/no/such"]);
    expect(failed).toMatchObject({ code: 127, stdout: "" });
    expect(failed.stderr).toMatch(/\/no\/such/);
    expect((await recordOf(host, "none")).state).toBe("created");
    const removed = await host.mdocker(["run", "-d", "--rm", "--net", "none", "--name", "nope", "/no/such"]);
    expect(removed.code).not.toBe(0);
    expect((await host.mdocker(["inspect", "nope"])).code).toBe(1);
  });

  test("refuses what contradicts itself", async () => {
    for (const [flags, message] of [
      [["-d", "--rm", "--restart", "always"], /--restart and --rm contradict/],
      [["--restart", "always"], /--restart: needs -d/],
      [["--health-cmd", "true"], /--health-cmd: needs -d/],
      [["-d", "--trace-setup"], /--trace-setup: leave out -d/],
    ] as const) {
      expect(await host.mdocker(["run", ...flags, "/bin/true"])).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(message),
      });
    }
  });
});

describe("create and start", () => {
  test("a container is created, started again and again, attached or not", async () => {
    const script = "echo out; echo err >&2; exit 7";
    const id = (await works("create", "--net", "none", "--name", "job", "/bin/sh", "-c", script)).trim();
    expect(await recordOf(host, "job")).toMatchObject({ id, state: "created" });
    expect(await host.mdocker(["start", "-a", "job"])).toEqual({ code: 7, stdout: "out\n", stderr: "err\n" });
    expect(await works("start", "job")).toBe("job\n");
    expect(await works("wait", "job")).toBe("7\n");
    expect(await host.mdocker(["start", "--attach", id.slice(0, 8)])).toMatchObject({
      code: 7,
      stdout: "out\n",
    });
  });

  test("stdin reaches it with -i, to its end", async () => {
    await works("create", "-i", "--net", "none", "--name", "cat", "/bin/sh", "-c", "cat; echo end");
    expect(await host.mdocker(["start", "-ai", "cat"], { input: "some\nwords\n" })).toEqual({
      code: 0,
      stdout: "some\nwords\nend\n",
      stderr: "",
    });
  });

  test("much output arrives whole, though its reader is slow", async () => {
    await works("create", "--net", "none", "--name", "much", "/bin/sh", "-c", "head -c 20000000 /dev/zero");
    const { code, stdout } = await host.mdocker(["start", "-a", "much"]);
    expect(code).toBe(0);
    expect(stdout.length).toBe(20_000_000);
  });

  test("what runs is left alone, and what is not there is said", async () => {
    await detached("runs", deaf);
    const { pid } = (await recordOf(host, "runs")).init ?? {};
    const { code, stdout, stderr } = await host.mdocker(["start", "runs", "nobody"]);
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: "runs\n",
      stderr: "mdocker: no such container: nobody\n",
    });
    expect((await recordOf(host, "runs")).init?.pid).toBe(pid);
    expect((await host.mdocker(["start", "-a", "runs"])).stderr).toMatch(/runs already: mdocker attach runs/);
    expect((await host.mdocker(["start", "-a", "a", "b"])).code).toBe(1);
  });

  test("signals reach it", async () => {
    await works("create", "--net", "none", "--name", "signalled", "/bin/sh", "-c", polite);
    const running = host.start(["start", "-a", "signalled"]);
    await running.says(/ready/);
    running.child.kill("SIGTERM");
    expect(await running.ended).toMatchObject({ code: 5, stdout: "ready\nbye\n" });
  });
});

describe("update and rename", () => {
  test("are known to the supervisor, and to those who listen", async () => {
    const since = String(Date.now() / 1000);
    await detached("limited", deaf);
    expect(await works("update", "-m", "64m", "--pids-limit", "30", "--restart", "always", "limited")).toBe(
      "limited\n",
    );
    expect(await recordOf(host, "limited")).toMatchObject({
      resources: { memory: { limit: 64 * 1024 ** 2 }, pids: { limit: 30 } },
    });
    expect((await host.mdocker(["update", "--cpuset-cpus", "9999", "limited"])).stderr).toMatch(
      /--cpuset-cpus/,
    );
    await works("rename", "limited", "called");
    const span = ["--since", since, "--until", String(Date.now() / 1000)];
    expect(await works("events", ...span, "--format", "{{.Action}}")).toBe("create\nstart\nupdate\nrename\n");
    const { id } = await recordOf(host, "called");
    const request = JSON.parse(readFileSync(join(host.place.root, "containers", id, "request.json"), "utf8"));
    expect(request).toMatchObject({ restart: { policy: "always" }, resources: { pids: { limit: 30 } } });
    await works("update", "--restart", "no", "called");
    await works("rm", "-f", "called");
  });
});

describe("restart", () => {
  test("stops and starts again", async () => {
    await detached("again", polite);
    const { init, started } = await recordOf(host, "again");
    expect(await works("restart", "again")).toBe("again\n");
    const record = await recordOf(host, "again");
    expect(record).toMatchObject({ state: "running" });
    expect(record.init).not.toEqual(init);
    expect(Date.parse(record.started ?? "")).toBeGreaterThan(Date.parse(started ?? ""));
    await works("stop", "-t", "0", "again");
    await works("restart", "-t", "1", "again");
    expect((await recordOf(host, "again")).state).toBe("running");
  });
});

describe("attach", () => {
  const echo = 'while read x; do echo "<$x>"; [ "$x" = end ] && exit 4; done; sleep 60';

  test("connects stdin and stdout, and ends with the container's code", async () => {
    await detached("echo", echo, "-i");
    const one = host.start(["attach", "echo"]);
    one.child.stdin.write("hello\n");
    await one.says(/<hello>/);
    const other = host.start(["attach", "--no-stdin", "echo"]);
    // Until it sees it, too.
    await expect
      .poll(() => one.child.stdin.write("again\n") && other.output(), { timeout: 10_000 })
      .toMatch(/<again>/);
    one.child.stdin.write("end\n");
    expect((await one.ended).code).toBe(4);
    expect((await other.ended).code).toBe(4);
  });

  test("the detach keys leave a terminal, and the container runs on", async () => {
    await detached("term", 'stty size; while read x; do echo "<$x>"; done', "-it");
    const user = host.terminal(["attach", "term"]);
    user.child.stdin.write("hello\n");
    await user.says(/<hello>/);
    user.child.stdin.write("\x10\x11");
    const { code, stdout } = await user.ended;
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining("detached") });
    expect((await recordOf(host, "term")).state).toBe("running");
    // Others by others.
    const again = host.terminal(["attach", "--detach-keys", "ctrl-a,x", "term"]);
    again.child.stdin.write("\x10back\n");
    await again.says(/back>/);
    again.child.stdin.write("\x01x");
    expect((await again.ended).code).toBe(0);
  });

  test("Ctrl-C on a terminal is for what runs there; its size follows", async () => {
    await works("create", "-it", "--net", "none", "--name", "shell", "/bin/sh");
    const user = host.terminal(["start", "-ai", "shell"]);
    user.child.stdin.write("stty size\n");
    await user.says(/24 80/);
    // The word as it is written by the shell: what is typed is shown before the shell has read it.
    user.child.stdin.write("echo be''gun; sleep 100\n");
    await user.says(/begun/);
    user.child.stdin.write("\x03");
    user.child.stdin.write("echo still $((40+2))\n");
    await user.says(/still 42/);
    user.child.stdin.write("exit 9\n");
    expect((await user.ended).code).toBe(9);
  });

  test("without a proxy a signal leaves the container running", async () => {
    await detached("alone", "while :; do echo tick; sleep 0.05; done");
    const user = host.start(["attach", "--no-sig-proxy", "alone"]);
    await user.says(/tick/);
    user.child.kill("SIGINT");
    expect((await user.ended).code).toBe(130);
    expect((await recordOf(host, "alone")).state).toBe("running");
  });

  test("refuses what has no streams to give", async () => {
    await works("create", "--net", "none", "--name", "idle", "/bin/true");
    expect((await host.mdocker(["attach", "idle"])).stderr).toMatch(/not running: mdocker start idle first/);
    const front = host.start(["run", "--rm", "--net", "none", "--name", "front", "/bin/sh", "-c", deaf]);
    await front.says(/ready/);
    expect((await host.mdocker(["attach", "front"])).stderr).toMatch(/foreground of another command/);
    await works("kill", "front");
    await front.ended;
  });
});

describe("events", () => {
  test("tell of what happens, from now or from then", async () => {
    const since = String(Date.now() / 1000);
    await works("create", "--net", "none", "--name", "seen", "-l", "a=b", "/bin/sh", "-c", "exit 3");
    const live = host.start([
      "events",
      "--since",
      since,
      "--filter",
      "container=seen",
      "--format",
      "{{.Action}}",
    ]);
    await live.says(/^create\n$/);
    await works("start", "seen");
    await live.says(/^create\nstart\ndie\n$/);
    const until = String(Date.now() / 1000 + 0.5);
    const text = await works("events", "--since", since, "--until", until, "--filter", "container=seen");
    const lines = text.trimEnd().split("\n");
    expect(lines.map((line) => line.split(" ").slice(1, 3).join(" "))).toEqual([
      "container create",
      "container start",
      "container die",
    ]);
    expect(lines[0]).toMatch(
      /^\d{4}-\d\d-\d\dT[\d:]+\.\d{9}[+-]\d\d:\d\d container create [0-9a-f]{64} \(a=b, image=.*name=seen\)$/,
    );
    live.child.kill("SIGINT");
    expect((await live.ended).code).toBe(130);
    expect((await host.mdocker(["events", "--filter", "seen"])).stderr).toMatch(/expected KEY=VALUE/);
  });
});
