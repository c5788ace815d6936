import { randomBytes } from "node:crypto";
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { isAlive } from "../../../src/sys/process.ts";
import type { Running } from "../../harness/command.ts";
import { startCommand } from "../../harness/command.ts";
import { execHost } from "../../harness/exec-host.ts";
import { holdFile } from "../../harness/file-lease.ts";

const { host, run, end, exec, inspect, execs, monitors } = execHost();

/** What `mdocker exec c sh -c SCRIPT` says, in a container of this test's own. */
async function inside<T>(
  flags: readonly string[],
  act: (id: string, running: Running) => Promise<T>,
): Promise<T> {
  const running = await run("c", flags);
  const { id } = await inspect("c");
  const result = await act(id, running);
  await expect.poll(monitors).toEqual([]);
  expect(existsSync(join(host().place.state, "containers", id, "exec"))).toBe(false);
  await end("c", running);
  return result;
}

const sh = (script: string, flags: readonly string[] = [], input?: string | Uint8Array) =>
  exec([...flags, "c", "/bin/sh", "-c", script], input);

describe("the command", () => {
  test("ends mdocker with its own code, or 128 and the signal", () =>
    inside([], async () => {
      expect(await sh("exit 0")).toEqual({ code: 0, stdout: "", stderr: "" });
      expect(await sh("echo out; echo err >&2; exit 42")).toEqual({
        code: 42,
        stdout: "out\n",
        stderr: "err\n",
      });
      expect((await sh("kill -9 $$")).code).toBe(137);
    }));

  test("is looked for in the container's PATH; 127 when it is not there, 126 when it cannot be executed", () =>
    inside([], async () => {
      expect((await exec(["c", "true"])).code).toBe(0);
      expect(await exec(["c", "nosuch"])).toEqual({
        code: 127,
        stdout: "",
        stderr: expect.stringMatching(/^mdocker: exec failed: nosuch: not found in PATH .*\n$/) as string,
      });
      expect(await exec(["c", "/no/such"])).toMatchObject({
        code: 127,
        stderr: "mdocker: exec failed: /no/such: no such file in the container\n",
      });
      expect(await exec(["c", "/etc/passwd"])).toMatchObject({
        code: 126,
        stderr: "mdocker: exec failed: /etc/passwd: not executable\n",
      });
      expect(await exec(["c", "/etc"])).toMatchObject({
        code: 126,
        stderr: expect.stringContaining("directory"),
      });
      await sh(
        "printf 'text' > /tmp/text; printf '#!/no/such\\n' > /tmp/script; chmod +x /tmp/text /tmp/script",
      );
      expect(await exec(["c", "/tmp/text"])).toMatchObject({
        code: 126,
        stderr: expect.stringContaining("neither an ELF program nor a script"),
      });
      expect(await exec(["c", "/tmp/script"])).toMatchObject({
        code: 126,
        stderr: expect.stringContaining("its interpreter is missing"),
      });
      expect(await exec(["-e", "PATH=/tmp", "c", "true"])).toMatchObject({ code: 127 });
    }));

  test("wrong usage is 1", async () => {
    expect(await exec([])).toMatchObject({ code: 1 });
    expect(await exec(["c"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("expected a command"),
    });
    expect(await exec(["nosuch", "true"])).toEqual({
      code: 1,
      stdout: "",
      stderr: "mdocker: no such container: nosuch\n",
    });
    expect(await exec(["-w", "relative", "c", "true"])).toMatchObject({ code: 1 });
    expect(await exec(["--nosuch", "c", "true"])).toMatchObject({ code: 1 });
  });

  test("has the container's variables, its own over them, and those of files", () =>
    inside(["-e", "A=container", "-e", "B=container"], async () => {
      const file = join(host().place.root, "variables");
      writeFileSync(file, "# comment\nB=file\nC=file\n");
      const flags = ["-e", "A=a b", "--env-file", file, "-e", "C=flag"];
      expect((await sh('echo "$A,$B,$C,$HOME,$TERM"', flags)).stdout).toBe("a b,file,flag,/root,\n");
    }));

  test("begins where the container does, or where it is told to", () =>
    inside(["-w", "/usr"], async () => {
      expect((await exec(["c", "pwd"])).stdout).toBe("/usr\n");
      expect((await exec(["-w", "/usr/bin", "c", "pwd"])).stdout).toBe("/usr/bin\n");
      expect(await exec(["-w", "/no/such", "c", "pwd"])).toEqual({
        code: 127,
        stdout: "",
        stderr: "mdocker: exec failed: working directory /no/such: no such directory in the container\n",
      });
      expect(await exec(["-w", "/etc/passwd", "c", "pwd"])).toMatchObject({ code: 126 });
    }));

  test("runs as whom the container knows by that name", () =>
    inside(["--group-add", "4"], async () => {
      expect((await exec(["-u", "student", "c", "id"])).stdout).toBe(
        "uid=1000(student) gid=1000(student) groups=1000(student),4\n",
      );
      const about = 'id -u; id -g; id -G; echo "$HOME"; grep CapEff /proc/self/status';
      expect((await sh(about, ["-u", "1234:5678"])).stdout).toBe(
        "1234\n5678\n5678 4\n/\nCapEff:\t0000000000000000\n",
      );
      expect((await sh("echo $HOME", ["-u", "student", "-e", "HOME=/x"])).stdout).toBe("/x\n");
      expect(await exec(["-u", "nobody-here", "c", "id"])).toMatchObject({
        code: 1,
        stderr: expect.stringContaining("no user nobody-here"),
      });
      // As it is now, not as the image had it.
      await sh("echo 'late:x:4321:4321::/late:/bin/sh' >> /etc/passwd");
      expect((await sh("id -u; echo $HOME", ["-u", "late"])).stdout).toBe("4321\n/late\n");
    }));

  test("of root in a container of another user has what root may have there", () =>
    inside(["-u", "student", "--cap-drop", "ALL", "--cap-add", "CHOWN"], async () => {
      const caps = "grep -E 'Cap(Prm|Eff|Bnd|Amb)' /proc/self/status | cut -f2 | tr '\\n' ' '";
      const [one, none] = ["0000000000000001", "0000000000000000"];
      expect((await sh(caps)).stdout).toBe(`${one} ${one} ${one} ${one} `);
      expect((await sh(caps, ["-u", "root"])).stdout).toBe(`${one} ${one} ${one} ${none} `);
    }));

  test("--privileged has every capability that mdocker has", () =>
    inside([], async () => {
      const own = /CapEff:\s*(\w+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
      const script = "grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/self/status | cut -f2 | tr '\\n' ' '";
      expect((await sh(script, ["--privileged"])).stdout).toBe(`${own} 1 2 `);
      // The filter knows of it: mounting is one of the calls that CAP_SYS_ADMIN opens.
      expect((await sh("mount -t tmpfs x /mnt && umount /mnt", ["--privileged"])).code).toBe(0);
      expect((await sh("mount -t tmpfs x /mnt")).code).not.toBe(0);
    }));

  test("finds a container by the beginning of its id", () =>
    inside([], async (id) => {
      expect((await exec([id.slice(0, 12), "true"])).code).toBe(0);
    }));
});

describe("stdin and output", () => {
  test("bytes go in and out as they are", () =>
    inside([], async () => {
      const bytes = randomBytes(3 << 20);
      const folder = host().place.root;
      writeFileSync(join(folder, "in"), bytes);
      const line = `"$MDOCKER" exec -i c /bin/cat < ${folder}/in > ${folder}/out; echo $?`;
      expect(await host().hostRun(["sh", "-c", line])).toBe("0\n");
      expect(readFileSync(join(folder, "out")).equals(bytes)).toBe(true);
      const piped = `cat ${folder}/in | "$MDOCKER" exec -i c /bin/cat | cmp - ${folder}/in; echo $?`;
      expect(await host().hostRun(["sh", "-c", piped])).toBe("0\n");
    }));

  test("without -i stdin is empty", () =>
    inside([], async () => {
      expect((await sh("cat; readlink /proc/self/fd/0", [], "hi")).stdout).toBe("/dev/null\n");
      expect((await sh("cat", ["-i"], "hi")).stdout).toBe("hi");
    }));

  test("nothing but 0, 1 and 2 is open", () =>
    inside([], async () => {
      // 3 is the listing itself.
      expect((await sh("ls /proc/self/fd", ["-i"])).stdout).toBe("0\n1\n2\n3\n");
    }));

  test("closed descriptors 0, 1 and 2 are no trouble", () =>
    inside([], async () => {
      const line = '"$MDOCKER" exec -i c /bin/sh -c "exit 4" <&- >&- 2>&-; echo $?';
      expect(await host().hostRun(["bash", "-c", line])).toBe("4\n");
    }));
});

describe("a terminal", () => {
  const terminal = (...words: string[]) => host().terminal(["exec", ...words]);

  test("is implied, the container's own, and has the user's size", () =>
    inside([], async () => {
      const { code, stdout } = await terminal("c", "/bin/sh", "-c", "tty; stty size; echo $TERM; exit 3")
        .ended;
      expect(stdout.replaceAll("\r", "")).toBe("/dev/pts/0\n24 80\nxterm\n");
      expect(code).toBe(3);
    }));

  test("belongs to its user, and is another one for each", () =>
    inside([], async () => {
      const first = terminal(
        "-it",
        "-u",
        "student",
        "c",
        "/bin/sh",
        "-c",
        "tty; stat -c %U $(tty); read word",
      );
      await first.says(/\/dev\/pts\/0\r?\nstudent/);
      const second = terminal("-it", "c", "/bin/sh", "-c", "tty");
      expect((await second.ended).stdout).toBe("/dev/pts/1\r\n");
      first.child.stdin.write("\n");
      expect((await first.ended).code).toBe(0);
    }));

  test("Ctrl-C, Ctrl-Z and job control are its own", () =>
    inside([], async () => {
      const shell = terminal("-it", "-e", "PS1=ready> ", "c", "/bin/bash", "--norc", "-i");
      await shell.says(/ready> /);
      shell.child.stdin.write("sleep 500\n");
      await shell.says(/sleep 500\r/);
      await expect.poll(() => sleepers()).toBe(1);
      shell.child.stdin.write("\x03");
      await expect.poll(() => sleepers()).toBe(0);
      shell.child.stdin.write("echo code $?\n");
      await shell.says(/code 130/);
      shell.child.stdin.write("sleep 501\n");
      await expect.poll(() => sleepers("501")).toBe(1);
      shell.child.stdin.write("\x1a");
      await shell.says(/Stopped/);
      // bash refuses the first one.
      shell.child.stdin.write("exit 5\nexit 5\n");
      expect((await shell.ended).code).toBe(5);
    }));

  /** Sleeping commands of any container on this host's machine, by what they sleep. */
  function sleepers(seconds = "500"): number {
    return readdirSync("/proc").filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8") === `sleep\0${seconds}\0`;
      } catch {
        return false;
      }
    }).length;
  }
});

describe("what ends it", () => {
  const sleeper = ["c", "/bin/sh", "-c", "echo here; sleep 1000 & wait"];

  test("signals are passed on", () =>
    inside([], async () => {
      const running = host().start([
        "exec",
        "c",
        "/bin/sh",
        "-c",
        'trap "exit 5" TERM; echo here; while :; do sleep 0.05; done',
      ]);
      await running.says(/here/);
      running.child.kill("SIGTERM");
      expect((await running.ended).code).toBe(5);
    }));

  test("a signal while it does not run yet", async () => {
    const file = join(host().place.root, "slow");
    copyFileSync("/bin/true", file);
    const container = await run("slow", ["-v", `${file}:/slow`]);
    const { id } = await inspect("slow");
    const release = holdFile(file);
    const running = host().start(["exec", "slow", "/slow"]);
    const hangs = () =>
      execs(id).some(({ process: { pid } }) => readFileSync(`/proc/${pid}/wchan`, "utf8").includes("lease"));
    await expect.poll(hangs).toBe(true);
    running.child.kill("SIGINT");
    expect(await running.ended).toEqual({
      code: 130,
      stdout: "",
      stderr: "mdocker: interrupted by SIGINT: nothing was executed\n",
    });
    await expect.poll(() => execs(id)).toEqual([]);
    release();
    await end("slow", container);
  });

  test("the container's end, by whatever", () =>
    inside([], async () => {
      // Another container than the one of `inside`, which stays.
      const other = await run("d", [], ["/bin/sh", "-c", "echo ready; sleep 1000"]);
      const running = host().start(["exec", "d", "/bin/sh", "-c", "echo here; exec sleep 1000"]);
      await running.says(/here/);
      expect((await host().mdocker(["stop", "-t", "0", "d"])).code).toBe(0);
      expect((await running.ended).code).toBe(137);
      await other.ended;
    }));

  test("kill -9 of mdocker exec, with all that it has started", () =>
    inside([], async (id) => {
      const running = host().start(["exec", ...sleeper]);
      await running.says(/here/);
      const [record] = execs(id);
      if (record === undefined) throw new Error("the exec is not on record");
      const kids = readFileSync(`/proc/${record.process.pid}/task/${record.process.pid}/children`, "utf8");
      running.child.kill("SIGKILL");
      await running.ended;
      await expect.poll(() => isAlive(record.process)).toBe(false);
      for (const pid of kids.trim().split(" "))
        await expect.poll(() => existsSync(`/proc/${pid}/exe`)).toBe(false);
      await expect.poll(() => execs(id)).toEqual([]);
      // `inside` wants the directory of all of them gone, too.
      expect((await exec(["c", "true"])).code).toBe(0);
    }));

  test("not the end of a detached one's starter; nothing of it stays", () =>
    inside([], async (id) => {
      expect(
        await exec(["-d", "c", "/bin/sh", "-c", "echo nobody reads this; sleep 0.3; touch /tmp/done"]),
      ).toEqual({
        code: 0,
        stdout: "",
        stderr: "",
      });
      expect(execs(id).length).toBe(1);
      await expect.poll(() => execs(id).length).toBe(0);
      expect((await exec(["c", "ls", "/tmp/done"])).code).toBe(0);
      expect(await exec(["-d", "c", "/no/such"])).toMatchObject({ code: 127 });
    }));

  test("a detached one may have a terminal, which lasts as long as it does", () =>
    inside([], async (id) => {
      const script = "tty > /tmp/tty; sleep 0.3; echo x && echo written >> /tmp/tty";
      expect((await exec(["-dt", "c", "/bin/sh", "-c", script])).code).toBe(0);
      await expect.poll(() => execs(id).length).toBe(0);
      expect((await exec(["c", "cat", "/tmp/tty"])).stdout).toBe("/dev/pts/0\nwritten\n");
      expect(await exec(["-dt", "c", "/no/such"])).toMatchObject({ code: 127 });
    }));
});

describe("a container that", () => {
  test("has ended is refused", async () => {
    const running = await run("ended", ["--keep"], ["/bin/sh", "-c", "echo ready"]);
    await running.ended;
    expect(await exec(["ended", "true"])).toEqual({
      code: 1,
      stdout: "",
      stderr: "mdocker: container ended is not running\n",
    });
    expect((await host().mdocker(["rm", "ended"])).code).toBe(0);
  });

  test("ends meanwhile answers so, and nothing stays", async () => {
    for (let round = 0; round < 5; round += 1) {
      const running = await run("brief", [], ["/bin/sh", "-c", `echo ready; sleep 0.0${round}5`]);
      const results = await Promise.all(Array.from({ length: 8 }, () => exec(["brief", "true"])));
      for (const { code, stderr } of results) {
        if (code === 0 || code === 137) continue;
        expect(stderr).toMatch(/^mdocker: (container brief is not running|no such container: brief)\n$/);
        expect(code).toBe(1);
      }
      await running.ended;
    }
  });

  test("is paused is refused", () =>
    inside([], async (id) => {
      const { freeze, thaw } = await import("../../../cgroup/freeze.ts");
      const { detectCgroups } = await import("../../../cgroup/host.ts");
      const path = `${host().place.prefix}/${id}`;
      freeze(detectCgroups(), path);
      expect(await exec(["c", "true"])).toEqual({
        code: 1,
        stdout: "",
        stderr: "mdocker: container c is paused: unpause it before exec\n",
      });
      thaw(detectCgroups(), path);
      expect((await exec(["c", "true"])).code).toBe(0);
    }));
});

describe("a hostile container", () => {
  test("whose /etc/passwd leads to the host's reads its own", () =>
    inside([], async () => {
      const outside = `/proc/${process.pid}/root/etc/passwd`;
      await sh(`rm /etc/passwd; ln -s ../../../../../..${outside} /etc/passwd`);
      expect(await exec(["-u", "daemon", "c", "id"])).toMatchObject({ code: 1 });
      await sh("rm /etc/passwd; mkfifo /etc/passwd");
      expect(await exec(["-u", "daemon", "c", "id"])).toMatchObject({ code: 1 });
    }));

  test.each(["/proc/self/fd/6", "/proc/self/fd/7", "/proc/self/fd/9/../..", "/proc/self/fd/3"])(
    "gets no directory of the host as working directory by %s",
    (path) =>
      inside([], async () => {
        expect((await exec(["-w", path, "c", "ls"])).code).not.toBe(0);
        await sh(`ln -s ${path} /link`);
        expect((await exec(["-w", "/link", "c", "ls"])).code).not.toBe(0);
      }),
  );

  test("with something else in place of its terminals gets none", () =>
    inside(["--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined"], async () => {
      await sh("mkdir /fake; mkfifo /fake/ptmx; mount --bind /fake /dev/pts");
      const ended = await host().terminal(["exec", "-it", "c", "true"]).ended;
      expect(ended).toMatchObject({ code: 2, stdout: expect.stringContaining("open a terminal") });
      await sh("rm /fake/ptmx; ln -s /dev/ptmx /fake/ptmx");
      expect((await host().terminal(["exec", "-it", "c", "true"]).ended).code).toBe(2);
    }));

  test("sees no program of ours: /proc/PID/exe of the command is the command's", () =>
    inside([], async () => {
      const links = "ls -l /proc/[0-9]*/exe 2>/dev/null | grep -c -e memfd -e mdocker";
      expect((await sh(links)).stdout).toBe("0\n");
      // #! /proc/self/exe would be the runtime's own binary, were it still there.
      await sh("printf '#!/proc/self/exe\\n' > /tmp/evil; chmod +x /tmp/evil");
      const { code, stdout } = await exec(["c", "/tmp/evil"]);
      expect([code === 0, stdout]).toEqual([false, ""]);
    }));
});

describe("many", () => {
  test("fifty at once, each with its own output and code", () =>
    inside([], async () => {
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, code) => sh(`echo ${code}; exit ${code}`)),
      );
      expect(results).toEqual(results.map((_, code) => ({ code, stdout: `${code}\n`, stderr: "" })));
    }));
});

test("--explain shows every step and does nothing", () =>
  inside([], async (id) => {
    const { code, stdout } = await exec(["--explain", "c", "/bin/true"]);
    expect(code).toBe(0);
    for (const step of ["setns(fd, CLONE_NEWNS", "clone3(", "PR_CAPBSET_DROP", 'execve("/bin/true"'])
      expect(stdout).toContain(step);
    expect(execs(id)).toEqual([]);
    const actions = JSON.parse((await exec(["--explain", "--json", "c", "/bin/true"])).stdout) as unknown[];
    expect(actions.length).toBeGreaterThan(30);
  }));

test("the terminal of a user that goes away ends it", () =>
  inside([], async (id) => {
    const running = startCommand(
      [
        ...host().place.enter,
        "script",
        "-qfc",
        `${host().env["MDOCKER"]} exec -it c /bin/sh -c 'echo here; sleep 1000'`,
        "/dev/null",
      ],
      { env: host().env },
    );
    await running.says(/here/);
    running.child.kill("SIGKILL");
    await running.ended.catch(() => undefined);
    await expect.poll(() => execs(id), { timeout: 20_000 }).toEqual([]);
  }));
