import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { defaultCapabilities } from "../../../src/security/capabilities.ts";
import { seccompFilter } from "../../../src/security/seccomp/cache.ts";
import { outputOf, runCommand } from "../../harness/command.ts";

let root: string;
let calls: string;
let filter: string;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "mdocker-seccomp-"));
  calls = join(root, "calls");
  filter = join(root, "default.bpf");
  await outputOf(["cc", "-Wall", "-Wextra", "-Werror", "-o", calls, join(import.meta.dirname, "calls.c")]);
  writeFileSync(filter, seccompFilter({ root }, { kind: "default" }, defaultCapabilities).program);
});
afterAll(() => rmSync(root, { recursive: true }));

/** What each call of calls.c was answered, under a filter or `-`. */
async function answers(under: string): Promise<ReadonlyMap<string, string>> {
  const lines = (await outputOf([calls, under])).trimEnd().split("\n");
  return new Map(
    lines.map((line): [string, string] => [line.split("\t")[0] ?? "", line.split("\t")[1] ?? ""]),
  );
}

const machine = (...names: string[]): string[] => (process.arch === "x64" ? names : []);

describe("the default filter on this kernel", () => {
  const allowed = [
    ...["unshare(FILES)", "clone", "socket(INET)", "socket(UNIX)", "socket(NETLINK)", "personality(query)"],
    "32-bit getpid",
  ];
  const absent = ["clone3", "newer call", ...machine("32-bit socketcall(ALG)")];

  test("refuses what reaches past a container, and nothing else", async () => {
    const has32Bit = (await answers("-")).get("32-bit getpid") === "ok";
    for (const [name, answer] of await answers(filter)) {
      if (name.startsWith("32-bit") && !has32Bit) continue;
      if (name === "x32 getpid") expect(answer).toBe("signal 31");
      else if (allowed.includes(name)) expect([name, answer]).toEqual([name, "ok"]);
      else expect([name, answer]).toEqual([name, absent.includes(name) ? "ENOSYS" : "EPERM"]);
    }
  });

  test("and it is the filter that does it: without one, root is refused nothing with EPERM", async () => {
    const free = await answers("-");
    expect(free.size).toBeGreaterThan(40);
    expect([...free].filter(([, answer]) => answer === "EPERM")).toEqual([]);
    expect(free.get("clone3")).toBe("ok");
  });
});

describe("ordinary work under the default filter", () => {
  const under = (...command: string[]) => runCommand([calls, filter, ...command], { cwd: root });

  test("the kernel says it is on", async () => {
    const { stdout } = await under("cat", "/proc/self/status");
    expect(stdout).toMatch(/^NoNewPrivs:\t1$/m);
    expect(stdout).toMatch(/^Seccomp:\t2$/m);
  });

  test("shell, pipes, jobs, files", async () => {
    const script = `
      set -eu
      mkdir work && cd work
      for i in 3 1 2; do echo "$i" > "f$i"; done
      cat f* | sort -r | tr '\\n' ' '
      ln -s f1 l; ln f1 h; cp -a f2 c; mv f3 m; chmod 600 m; touch -d 2001-01-01 m; mkfifo p; truncate -s 1M big
      (echo through > p) & cat p; wait
      ls -la . > /dev/null; find . -type f | wc -l; df . > /dev/null; stat m > /dev/null
      timeout 5 sleep 0; kill -0 $$; nice -n 5 true; ulimit -n 64; umask 027
      cd .. && rm -r work
    `;
    const { code, stdout, stderr } = await under("bash", "-c", script);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^3 2 1 through\n6\n$/);
  });

  test("a compiler, and what it makes", async () => {
    writeFileSync(
      join(root, "hello.c"),
      '#include <stdio.h>\nint main(void) { return puts("hello") < 0; }\n',
    );
    const { code, stdout } = await under("sh", "-c", "cc -o hello hello.c && ./hello");
    expect({ code, stdout }).toEqual({ code: 0, stdout: "hello\n" });
  });

  test("threads, sockets, children, watches and timers of a large program", async () => {
    const script = `
      const { Worker } = require("node:worker_threads");
      const { execFileSync } = require("node:child_process");
      const net = require("node:net"), fs = require("node:fs"), crypto = require("node:crypto"), os = require("node:os");
      const says = [];
      const worker = new Promise((done) => new Worker("require('worker_threads').parentPort.postMessage('thread')", { eval: true }).on("message", done));
      const echo = new Promise((done) => {
        const server = net.createServer((peer) => peer.end("socket")).listen("./s.sock", () => {
          net.connect("./s.sock").on("data", (data) => { server.close(); done(String(data)); });
        });
      });
      const watch = new Promise((done) => {
        const watcher = fs.watch(".", (_, name) => { if (name === "watched") { watcher.close(); done("watch"); } });
        fs.writeFileSync("watched", "");
      });
      const timer = new Promise((done) => setTimeout(done, 1, "timer"));
      says.push(execFileSync("echo", ["child"]).toString().trim(), String(crypto.randomBytes(4).length), os.cpus().length > 0);
      Promise.all([worker, echo, watch, timer]).then((all) => console.log([...says, ...all].join(" ")));
    `;
    const { code, stdout, stderr } = await under(process.execPath, "-e", script);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe("child 4 true thread socket watch timer\n");
  });

  test("namespaces are out of reach", async () => {
    expect((await under("unshare", "--user", "true")).stderr).toContain("Operation not permitted");
    expect((await under("unshare", "--net", "true")).stderr).toContain("Operation not permitted");
  });
});
