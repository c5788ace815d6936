import { beforeAll, describe, expect, test } from "vitest";
import { firstId, type OrdinaryUser, withOrdinaryUsers } from "../../harness/ordinary-user.ts";

/** The code 0, and what it has printed. */
async function said(user: OrdinaryUser, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await user.mdocker(args);
  expect({ code, stderr: stderr.replaceAll(/^mdocker: (rootless|image lab): .*\n/gm, "") }).toEqual({
    code: 0,
    stderr: "",
  });
  return stdout.trim();
}

/** The pid of who holds the user's namespaces. */
function holderOf(user: OrdinaryUser): number {
  const found = [...user.processes()].find(([, name]) => name.startsWith("holder"));
  if (found === undefined) throw new Error("nobody holds the namespaces");
  return found[0];
}

const forever = ["/bin/sleep", "100000"];
const echo = "while :; do echo hello | nc -l -N -p 80; done";

describe("an ordinary user", () => {
  beforeAll(() => {
    expect(process.getuid?.()).toBe(0);
  });

  test("runs, looks at, connects, slows down, publishes and ends containers as root does", async () => {
    await withOrdinaryUsers([{ env: { MDOCKER_OUTSIDE: "none" } }], async ([user], host) => {
      if (user === undefined) throw new Error("no user");
      // The image is made now, of what this host has.
      const first = await user.mdocker(["run", "/bin/sh", "-c", "id -u; cat /proc/self/uid_map; ls /dev"]);
      expect(first.stderr).toMatch(/^mdocker: image lab: making it [^\n]*\nmdocker: image lab: [^\n]*\n$/);
      expect(first.code).toBe(0);
      const [id, own, others, ...devices] = first.stdout.trim().split("\n");
      expect(id).toBe("0");
      expect(own?.trim().split(/\s+/)).toEqual(["0", String(user.uid), "1"]);
      expect(others?.trim().split(/\s+/)).toEqual(["1", String(firstId(user.uid)), "65536"]);
      expect(devices).toEqual(
        ["fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm"].concat([
          "stderr",
          "stdin",
          "stdout",
          "tty",
          "urandom",
          "zero",
        ]),
      );
      expect(await said(user, "run", "-u", "student", "/bin/id", "-un")).toBe("student");

      // Two that know each other by name.
      await said(user, "run", "-d", "--name", "web", ...forever);
      await said(user, "run", "-d", "--name", "db", "/bin/sh", "-c", "echo up; exec sleep 100000");
      expect(await said(user, "ps", "--format", "{{.Names}}")).toBe("db\nweb");
      expect(await said(user, "logs", "db")).toBe("up");
      expect(await said(user, "exec", "web", "/bin/ping", "-c", "1", "db")).toMatch(/ 0% packet loss/);
      expect(await said(user, "network", "why", "web", "db")).toMatch(/db is reachable from web$/);
      expect(await said(user, "top", "web")).toMatch(/sleep 100000/);
      expect(await said(user, "stats", "--no-stream", "--format", "{{.PIDs}}", "web")).toBe("2");
      expect(await user.mdocker(["run", "--pid", "host", "/bin/true"])).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^mdocker: --pid host: .* without a cgroup: /),
      });
      expect(await said(user, "verify", "web")).toMatch(/all \d+ hold$/);

      // The cable can be slowed down and listened to.
      await said(user, "network", "impair", "web", "--rate", "1mbit");
      expect(await said(user, "network", "impair", "web")).toMatch(/rate 1mbit/);
      const capture = user.start(["network", "capture", "web", "-c", "1", "icmp"]);
      await capture.says(/capturing on/);
      await said(user, "exec", "db", "/bin/ping", "-c", "1", "web");
      expect(await capture.ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/icmp/) });
      expect(await said(user, "network", "graph")).toMatch(/web eth0/);

      // A port of the host leads in.
      await said(user, "run", "-d", "--name", "port", "-p", "8080:80", "lab", "/bin/sh", "-c", echo);
      const ask = ["sh", "-c", "until nc -N 127.0.0.1 8080 </dev/null | grep hello; do :; done"];
      expect(await host.hostRun(ask)).toBe("hello\n");
      expect(await user.mdocker(["run", "-p", "8080:80", "/bin/true"])).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/127\.0\.0\.1:8080\/tcp is in use by container port/),
      });
      expect(await user.mdocker(["run", "-p", "80:80", "/bin/true"])).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/a port below 1024 needs root/),
      });

      // What cannot be had is told.
      expect(await user.mdocker(["run", "-m", "20m", "/bin/true"])).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(
          /^mdocker: cannot enforce --memory: [^\n]*(cgroup v1|no part of the cgroup tree)[^\n]*\n$/,
        ),
      });
      expect(await user.mdocker(["run", "-u", "70000", "/bin/true"])).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^mdocker: --user: 70000:/),
      });
      await said(user, "stop", "-t", "1", "web", "db", "port");
      await said(user, "rm", "web", "db", "port");
      expect(await said(user, "ps", "-aq")).toBe("");
    });
  });

  test("has files of the home directory as they are, and volumes", async () => {
    await withOrdinaryUsers([{ env: { MDOCKER_OUTSIDE: "none" } }], async ([user]) => {
      if (user === undefined) throw new Error("no user");
      await user.run(["sh", "-c", "mkdir src && echo hi > src/in"]);
      const script = "cat /src/in; echo out > /src/out; echo kept > /data/it; chown student /data/it";
      expect(await said(user, "run", "-v", "./src:/src", "-v", "data:/data", "/bin/sh", "-c", script)).toBe(
        "hi",
      );
      expect((await user.run(["sh", "-c", "cat src/out; stat -c %u src/out"])).stdout).toBe(
        `out\n${user.uid}\n`,
      );
      expect(await said(user, "run", "-v", "data:/data", "/bin/stat", "-c", "%U", "/data/it")).toBe(
        "student",
      );
      expect(await user.mdocker(["run", "--rootfs", "/", "/bin/true"])).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^mdocker: --rootfs: \/: .* is mounted below it/),
      });
    });
  });

  test("without ranges of ids has containers with root alone", async () => {
    await withOrdinaryUsers([{ ids: false, env: { MDOCKER_OUTSIDE: "none" } }], async ([user]) => {
      if (user === undefined) throw new Error("no user");
      const first = await user.mdocker(["run", "/bin/sh", "-c", "id -u; wc -l < /proc/self/uid_map"]);
      expect(first).toMatchObject({ code: 0, stdout: "0\n1\n" });
      expect(first.stderr).toMatch(/one user id only, as \/etc\/subuid has no range for user/);
      await said(user, "run", "-d", "--name", "web", ...forever);
      expect(await said(user, "run", "/bin/ping", "-c", "1", "web")).toMatch(/ 0% packet loss/);
      expect(await user.mdocker(["run", "-u", "student", "/bin/true"])).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^mdocker: --user: 1000:1000: there is no user but root[^\n]*\n$/),
      });
      const doctor = await user.mdocker(["doctor", "--rootless"]);
      expect(doctor.stdout).toMatch(/^ok {3}user namespaces: /m);
      expect(doctor.stdout).toMatch(/^warn subordinate ids: .*\n {5}mend: sudo usermod --add-subuids/m);
      await said(user, "rm", "-f", "web");
    });
  });

  test("shares nothing with another, but the ports of the host", async () => {
    const env = { MDOCKER_OUTSIDE: "none" };
    await withOrdinaryUsers([{ env }, { env }], async ([one, other]) => {
      if (one === undefined || other === undefined) throw new Error("two users are needed");
      const web = ["run", "-d", "--name", "web", "--ip", "10.200.1.7"];
      await Promise.all([
        said(one, ...web, "-p", "8080:80", "lab", ...forever),
        said(other, ...web, "lab", ...forever),
      ]);
      expect(await other.mdocker(["run", "-p", "8080:80", "/bin/true"])).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/127\.0\.0\.1:8080\/tcp is in use by another program/),
      });
      // The runtime directory of the one is closed to the other; its holder answers nobody else, either.
      const stolen = await other.mdocker(["ps"], { env: { XDG_RUNTIME_DIR: one.runtime } });
      expect(stolen.code).toBe(2);
      await said(one, "rm", "-f", "web");
      expect(await said(other, "ps", "--format", "{{.Names}}")).toBe("web");
      await said(other, "rm", "-f", "web");
    });
  });

  test("loses no container when the holder of the namespaces is killed; all may begin at once", async () => {
    await withOrdinaryUsers([{ env: { MDOCKER_OUTSIDE: "none" } }], async ([user]) => {
      if (user === undefined) throw new Error("no user");
      const names = await Promise.all(Array.from({ length: 6 }, () => said(user, "run", "/bin/hostname")));
      expect(new Set(names).size).toBe(6);
      await said(user, "run", "-d", "--name", "web", ...forever);
      process.kill(holderOf(user), "SIGKILL");
      expect(await said(user, "run", "/bin/ping", "-c", "1", "web")).toMatch(/ 0% packet loss/);
      expect(await said(user, "exec", "web", "/bin/cat", "/proc/1/comm")).toBe("mdocker-init");

      // All of it: the next command begins anew, and knows what has been.
      for (const pid of user.processes().keys()) {
        try {
          process.kill(pid, "SIGKILL");
        } catch {
          // It went with another.
        }
      }
      expect(await said(user, "ps", "-a", "--format", "{{.Names}} {{.Status}}")).toMatch(/^web Exited/);
      expect(await said(user, "run", "/bin/echo", "again")).toBe("again");
      await said(user, "rm", "web");
    });
  });

  test.each(["pasta", "slirp4netns"])("reaches the outside through %s", async (program) => {
    await withOrdinaryUsers([{ env: { MDOCKER_OUTSIDE: program } }], async ([user], host) => {
      if (user === undefined) throw new Error("no user");
      const answer = host.outsideRun(["sh", "-c", "echo from outside | nc -l -N -p 9999"]);
      const ask = `until nc -w 20 ${host.outside.address} 9999 </dev/null | grep outside; do :; done`;
      expect(await said(user, "run", "/bin/sh", "-c", ask)).toBe("from outside");
      await answer;
    });
  });
});
