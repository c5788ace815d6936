// @vm
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Running, startCommand } from "../../harness/command.ts";
import { sharedHost } from "../../harness/shared-host.ts";
import { onTerminal } from "../../harness/terminal.ts";

const { host, folder } = sharedHost();
const flags = ["run", "--net", "none"];

/** A container on a terminal of its own. */
const terminal = (...args: string[]): Running => host().terminal([...flags, ...args]);

/** A line of the host's shell on a terminal of its own; `run` is mdocker run. */
function shellOnTerminal(text: string): Running {
  const line = `run() { "$MDOCKER" ${flags.join(" ")} "$@"; }\n${text}`;
  return startCommand([...host().place.enter, ...onTerminal(["bash", "-c", line])], { env: host().env });
}

/** What is on the screen at the end, lines ended as files have them. */
async function screen(running: Running): Promise<string> {
  const { code, stdout } = await running.ended;
  return `${stdout.replaceAll("\r", "")}${code}`;
}

/** Types a line at the prompt of the shell in the container. */
const type = (running: Running, line: string) => running.child.stdin.write(`${line}\n`);

describe("a terminal", () => {
  test("is implied when stdin and stdout are terminals, and is the container's own", async () => {
    const script =
      "tty; test -t 0 && test -t 1 && test -t 2 && stty size; echo $TERM; ls -l /dev/console | cut -c1";
    expect(await screen(terminal("/bin/sh", "-c", script))).toBe("/dev/pts/0\n24 80\nxterm\nc\n0");
  });

  test.each(["--interactive=false --tty=false", "--tty=false"])("not with %s", async (said) => {
    // Without -t the command has the user's own terminal for its output, without -i nothing for its input.
    const script = "tty; test -t 1 && echo out; exit 3";
    expect(await screen(terminal(...said.split(" "), "/bin/sh", "-c", script))).toBe("not a tty\nout\n3");
  });

  test("-i or -t alone means that one", async () => {
    const script = "test -t 0 && echo in; readlink /proc/self/fd/1";
    expect(await screen(terminal("-t", "/bin/sh", "-c", script))).toBe("in\n/dev/pts/0\n0");
    expect(await screen(terminal("-i", "/bin/sh", "-c", "test -t 0 && ls /dev/pts"))).toBe("ptmx\n0");
  });

  test("is not implied when stdout is none", async () => {
    const running = shellOnTerminal("run /bin/sh -c 'test -t 1 || echo plain' | cat");
    expect(await screen(running)).toBe("plain\n0");
  });

  test("-t with stdout elsewhere has the size of the user's terminal", async () => {
    const running = shellOnTerminal("run -it /bin/stty size | cat");
    expect(await screen(running)).toBe("24 80\n0");
  });

  test("-t without one is refused", async () => {
    expect(await host().mdocker([...flags, "-t", "/bin/true"])).toEqual({
      code: 1,
      stdout: "",
      stderr: "mdocker: the input device is not a TTY: leave out -t, or run it from a terminal\n",
    });
  });

  test.each([["root"], ["1000"]])("belongs to its user: -u %s", async (user) => {
    const script = 'test "$(stat -c %u /dev/pts/0)" = "$(id -u)" && echo x > /dev/tty && : < /dev/tty';
    expect(await screen(terminal("-u", user, "/bin/sh", "-c", script))).toBe("x\n0");
  });

  test("is the controlling terminal of a session that the command leads, with init and without", async () => {
    const script = "set -- $(cut -d' ' -f5-8 /proc/self/stat); test $2 -eq $$ && test $4 -gt 0 && echo leads";
    for (const init of ["--init", "--init=false"])
      expect(await screen(terminal(init, "/bin/sh", "-c", script))).toBe("leads\n0");
  });

  test.each(["--init", "--init=false"])(
    "shows all that a fast writer wrote before its end, %s",
    async (init) => {
      const { stdout, code } = await terminal(init, "/usr/bin/seq", "1", "200000").ended;
      const lines = stdout.trimEnd().split("\r\n");
      expect([code, lines.length, lines[0], lines.at(-1)]).toEqual([0, 200_000, "1", "200000"]);
      expect(lines.every((line, i) => line === String(i + 1))).toBe(true);
    },
  );

  test("shows it to a reader that is slow", async () => {
    const at = folder();
    // The reader stops in the middle until the container is gone.
    const running = shellOnTerminal(`mkfifo ${at}/f
run -it --name slow /bin/sh -c 'seq 1 20000; exit 5' < /dev/tty > ${at}/f &
exec 3< ${at}/f
head -c 1000 <&3 >/dev/null
for i in 1 2 3; do kill -STOP $!; kill -CONT $!; sleep 0.5; done
tail -n 1 <&3; wait $!; echo $?`);
    expect(await screen(running)).toBe("20000\n5\n0");
  });

  test("end of input typed at it ends cat", async () => {
    const running = terminal("/bin/cat");
    type(running, "hello");
    await running.says(/hello\r\nhello\r\n/);
    running.child.stdin.write("\x04");
    expect((await running.ended).code).toBe(0);
  });
});

describe("keys and sizes", () => {
  test("job control: Ctrl-Z stops, fg goes on, Ctrl-C ends, the shell stays", async () => {
    const running = terminal("/bin/bash", "--norc");
    await running.says(/# $/);
    type(running, "echo re''ady; cat");
    await running.says(/^ready\r$/m);
    type(running, "typed");
    await running.says(/typed\r\ntyped/);
    running.child.stdin.write("\x1a");
    await running.says(/Stopped[\s\S]*# $/);
    type(running, "jobs; echo job''s done");
    await running.says(/Stopped +cat\r\njobs done/);
    type(running, "fg");
    await running.says(/\rcat\r\n$/);
    type(running, "again");
    await running.says(/again\r\nagain/);
    running.child.stdin.write("\x03");
    await running.says(/\^C[\s\S]*# $/);
    type(running, "exit 12");
    const { code, stdout } = await running.ended;
    expect(code).toBe(12);
    expect(stdout).not.toContain("no job control");
  });

  test("Ctrl-\\ and Ctrl-C reach a command that is no shell", async () => {
    for (const [key, code] of [
      ["\x03", 130],
      ["\x1c", 131],
    ] as const) {
      const running = terminal("/bin/cat");
      type(running, "up");
      await running.says(/up\r\nup\r\n/);
      running.child.stdin.write(key);
      expect((await running.ended).code).toBe(code);
    }
  });

  test("a resize arrives, with SIGWINCH", async () => {
    const script = "trap told=yes WINCH; echo up; while :; do sleep 0.05; test -z $told || stty size; done";
    const running = shellOnTerminal(`tty; run --name resized /bin/bash -c '${script}'`);
    const [, tty = ""] = await running.says(/^(\/dev\/pts\/\d+)\r$/m);
    await running.says(/^up\r$/m);
    for (const [rows, columns] of [
      [50, 132],
      [7, 9],
    ]) {
      await host().hostRun(["stty", "-F", tty, "rows", String(rows), "cols", String(columns)]);
      await running.says(new RegExp(`^${rows} ${columns}\r$`, "m"));
    }
    expect(await host().mdocker(["kill", "resized"])).toMatchObject({ code: 0 });
    expect((await running.ended).code).toBe(137);
  });

  test("top and vi start, draw and quit", async () => {
    const top = terminal("/usr/bin/top");
    await top.says(/PID[\s\S]*USER/);
    top.child.stdin.write("q");
    expect((await top.ended).code).toBe(0);

    const vi = terminal("/usr/bin/vi", "/tmp/new");
    await vi.says(/~[\s\S]*~/);
    vi.child.stdin.write("ihello\x1b:q!\r");
    expect((await vi.ended).code).toBe(0);
  });
});

describe("the user's terminal has its settings back", () => {
  /** Runs the line between two looks at the settings; returns the exit code of `run`, and whether they differ. */
  async function settings(line: string, meanwhile: (running: Running) => Promise<unknown>) {
    const at = folder();
    const running = shellOnTerminal(
      `stty -g > ${at}/before; ${line}; echo $? > ${at}/code; stty -g > ${at}/after`,
    );
    await meanwhile(running);
    await running.ended;
    const [before, after, code] = ["before", "after", "code"].map((name) =>
      readFileSync(join(at, name), "utf8"),
    );
    expect(before).toMatch(/^[0-9a-f:]+\n$/);
    expect(after).toBe(before);
    return Number(code);
  }
  const nothing = async () => undefined;
  const up = "echo up; exec sleep 1000";

  test("after an exit", async () => {
    expect(await settings("run /bin/sh -c 'exit 3'", nothing)).toBe(3);
  });

  test("after a program that left it in disorder", async () => {
    expect(await settings("run /bin/sh -c 'stty raw -echo; kill -9 $$'", nothing)).toBe(137);
  });

  test("after a start that failed", async () => {
    expect(await settings("run /bin/missing", nothing)).toBe(127);
    expect(await settings("run -w /etc/passwd /bin/true", nothing)).toBe(2);
  });

  test("after mdocker kill", async () => {
    const code = await settings(`run --name victim /bin/sh -c '${up}'`, async (running) => {
      await running.says(/^up\r$/m);
      expect(await host().mdocker(["kill", "victim"])).toMatchObject({ code: 0, stderr: "" });
    });
    expect(code).toBe(137);
  });

  test.each([
    ["TERM", 143],
    ["HUP", 129],
    ["INT", 130],
  ])("after SIG%s to mdocker", async (name, code) => {
    const line = `(echo pid $BASHPID; exec "$MDOCKER" ${flags.join(" ")} /bin/sh -c '${up}')`;
    const seen = await settings(line, async (running) => {
      const [, pid = ""] = await running.says(/^pid (\d+)\r$/m);
      await running.says(/^up\r$/m);
      process.kill(Number(pid), `SIG${name}`);
    });
    expect(seen).toBe(code);
  });

  test("after the reader of the output has left", async () => {
    expect(await settings("run -it /usr/bin/yes | head -n 1; (exit $PIPESTATUS)", nothing)).toBeGreaterThan(
      128,
    );
  });
});

test("a terminal that goes away ends the container", async () => {
  const running = terminal("/bin/sh", "-c", "trap 'exit 0' HUP; echo up; while :; do sleep 0.1; done");
  await running.says(/^up\r$/m);
  // script holds the outer end: with it the terminal is gone.
  running.child.kill("SIGKILL");
  await running.ended;
});

test("a paste that nobody reads waits, while output, keys and signals go on", async () => {
  const script = "stty -icanon -echo; echo up; sleep 1000 & wait; echo woken; head -c 300000 | sha256sum";
  const running = terminal("--name", "paste", "/bin/bash", "-c", `trap : USR1; ${script}`);
  await running.says(/^up\r$/m);
  const paste = Buffer.alloc(300_000, "0123456789abcdef");
  running.child.stdin.write(paste);
  expect(await host().mdocker(["kill", "--signal", "USR1", "paste"])).toMatchObject({ code: 0 });
  await running.says(/^woken\r$/m);
  const sum = createHash("sha256").update(paste).digest("hex");
  await running.says(new RegExp(sum));
  expect((await running.ended).code).toBe(0);
});

test("SIGTERM ends a run whose output nobody reads", async () => {
  const at = folder();
  const running = shellOnTerminal(`mkfifo ${at}/f; exec 3<> ${at}/f
"$MDOCKER" ${flags.join(" ")} -it --name full /usr/bin/yes < /dev/tty > ${at}/f &
until "$MDOCKER" kill full 2> /dev/null; do sleep 0.1; done
# The first ones may still be for the container.
while kill $! 2> /dev/null; do sleep 0.1; done
wait $!; echo code $?`);
  expect(await screen(running)).toMatch(/^full\ncode 137\n0$/);
});

test("a terminal that the container hangs up, as getty does, can be opened again", async () => {
  const program = join(folder(), "hangup");
  const source = `#include <signal.h>
#include <unistd.h>
int main(void) { signal(SIGHUP, SIG_IGN); return vhangup(); }`;
  await host().hostRun(["cc", "-static", "-x", "c", "-o", program, "-"], { input: source });
  // A hang-up drops what nobody has read yet: the first line gets time to be read.
  const script = `trap "" HUP; echo one; sleep 1; /hangup; echo nowhere; sleep 0.3; exec > /dev/console; seq 30000; echo two`;
  const mine = ["--cap-add", "SYS_TTY_CONFIG", "-v", `${program}:/hangup`];
  const { code, stdout } = await terminal(...mine, "/bin/sh", "-c", script).ended;
  const lines = stdout.trimEnd().split("\r\n");
  expect([code, lines.length, lines[0], lines[1], lines.at(-1)]).toEqual([0, 30_002, "one", "1", "two"]);
});
