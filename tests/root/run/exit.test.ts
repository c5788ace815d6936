import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runCommand } from "../../harness/command.ts";
import { sharedHost } from "../../harness/shared-host.ts";

const { host, folder } = sharedHost();
const run = (...args: string[]) => host().mdocker(["run", "--net", "none", ...args]);

describe("the exit code is the command's own", () => {
  test.each([0, 1, 2, 42, 125, 126, 127, 128, 255])("%i", async (code) => {
    expect(await run("/bin/sh", "-c", `exit ${code}`)).toEqual({ code, stdout: "", stderr: "" });
  });

  test.each(["--init", "--init=false"])("also with a network, %s", async (init) => {
    const { code } = await host().mdocker(["run", init, "/bin/sh", "-c", "exit 9"]);
    expect(code).toBe(9);
  });

  test.each([
    ["HUP", 1],
    ["INT", 2],
    ["QUIT", 3],
    ["ABRT", 6],
    ["KILL", 9],
    ["SEGV", 11],
    ["PIPE", 13],
    ["TERM", 15],
    ["USR1", 10],
    ["RTMIN", 34],
  ])("128 and the number after SIG%s", async (_name, number) => {
    const { code, stderr } = await run("/bin/sh", "-c", `kill -${number} $$; exec sleep 1000`);
    expect({ code, stderr }).toEqual({ code: 128 + number, stderr: "" });
  });
});

describe("a command that cannot be executed", () => {
  /** A folder of files to try, at /try in the container. */
  function tryable(): string {
    const at = folder();
    mkdirSync(join(at, "directory"));
    const write = (name: string, text: string, mode: number) => {
      writeFileSync(join(at, name), text);
      chmodSync(join(at, name), mode);
    };
    write("plain", "#!/bin/sh\n", 0o644);
    write("orphan", "#!/bin/missing\n", 0o755);
    write("noise", "neither\n", 0o755);
    write("good", "#!/bin/sh\necho good $0 $1\n", 0o755);
    return at;
  }

  test("that is not there: 127", async () => {
    expect(await run("/bin/missing")).toEqual({
      code: 127,
      stdout: "",
      stderr: "mdocker: exec failed: /bin/missing: no such file in the container\n",
    });
  });

  test.each(["--init", "--init=false"])("the same with %s and a network", async (init) => {
    const { code, stderr } = await host().mdocker(["run", init, "/bin/missing"]);
    expect(code).toBe(127);
    expect(stderr).toBe("mdocker: exec failed: /bin/missing: no such file in the container\n");
  });

  test("below a file: 127", async () => {
    expect(await run("/etc/passwd/x")).toEqual({
      code: 127,
      stdout: "",
      stderr: "mdocker: exec failed: /etc/passwd/x: a part of the path is not a directory in the container\n",
    });
  });

  test("whose name is in no directory of PATH: 127", async () => {
    expect(await run("--", "missing", "x")).toEqual({
      code: 127,
      stdout: "",
      stderr:
        "mdocker: exec failed: missing: not found in PATH " +
        "(/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin) of the container\n",
    });
  });

  test("PATH is the container's", async () => {
    const flags = ["-v", `${tryable()}:/try`, "-e", "PATH=/nowhere:/try"];
    expect(await run(...flags, "--", "good", "one")).toEqual({
      code: 0,
      stdout: "good /try/good one\n",
      stderr: "",
    });
    expect(await run(...flags, "--", "sh")).toEqual({
      code: 127,
      stdout: "",
      stderr: "mdocker: exec failed: sh: not found in PATH (/nowhere:/try) of the container\n",
    });
  });

  test.each([
    ["/etc/passwd", "not executable"],
    ["/etc", "is a directory"],
  ])("%s: 126, %s", async (path, why) => {
    expect(await run(path)).toEqual({
      code: 126,
      stdout: "",
      stderr: `mdocker: exec failed: ${path}: ${why}\n`,
    });
  });

  test.each([
    ["plain", 126, "not executable"],
    ["directory", 126, "is a directory"],
    ["orphan", 126, "its interpreter /bin/missing is missing in the container"],
    ["noise", 126, "not executable: neither an ELF program nor a script that begins with #!"],
    ["none", 127, "no such file in the container"],
  ])("%s in a volume: %i", async (name, code, why) => {
    const seen = await run("-v", `${tryable()}:/try`, `/try/${name}`);
    expect(seen).toEqual({ code, stdout: "", stderr: `mdocker: exec failed: /try/${name}: ${why}\n` });
  });

  test("that its user may not run: 126", async () => {
    const at = tryable();
    chmodSync(join(at, "good"), 0o700);
    expect(await run("-u", "1000", "-v", `${at}:/try`, "/try/good")).toEqual({
      code: 126,
      stdout: "",
      stderr: "mdocker: exec failed: /try/good: permission denied (EACCES)\n",
    });
  });

  test("in a tmpfs: what the kernel says", async () => {
    expect(await run("--tmpfs", "/try", "/try/x")).toMatchObject({
      code: 127,
      stderr: "mdocker: exec failed: /try/x: no such file in the container\n",
    });
  });

  test("in a root: not executable, a directory, an interpreter that is missing, noise", async () => {
    const root = tryable();
    const tried = async (name: string, ...flags: string[]) => {
      const { code, stderr } = await run("--rootfs", root, ...flags, "--", name);
      return [code, stderr.replace("mdocker: exec failed: ", "").trimEnd()];
    };
    expect(await tried("/plain")).toEqual([126, "/plain: not executable"]);
    expect(await tried("/directory")).toEqual([126, "/directory: is a directory"]);
    expect(await tried("/orphan")).toEqual([
      126,
      "/orphan: its interpreter /bin/missing is missing in the container",
    ]);
    expect(await tried("/noise")).toEqual([
      126,
      "/noise: not executable: neither an ELF program nor a script that begins with #!",
    ]);
    // From the working directory, and by PATH.
    expect(await tried("./directory", "-w", "/")).toEqual([126, "./directory: is a directory"]);
    expect(await tried("../plain", "-w", "/directory")).toEqual([126, "../plain: not executable"]);
    expect(await tried("orphan", "-e", "PATH=/nowhere:/")).toEqual([
      126,
      "/orphan: its interpreter /bin/missing is missing in the container",
    ]);
    expect(await tried("plain", "-e", "PATH=/:/nowhere")).toEqual([126, "/plain: not executable"]);
  });
});

describe("wrong usage is 1 and one line", () => {
  test.each([
    [["--no-such-flag", "/bin/true"], /--no-such-flag/],
    [["--name", "-x", "/bin/true"], /--name/],
    [["-m", "lots", "/bin/true"], /-m|--memory/],
    [["-t", "/bin/true"], /not a TTY/],
    [["no-such-image"], /no image no-such-image/],
    [["--rootfs", "/no/such/dir", "/bin/true"], /\/no\/such\/dir/],
    [["-u", "nobody-knows", "/bin/true"], /no user nobody-knows in \/etc\/passwd/],
    [["-w", "relative", "/bin/true"], /absolute path/],
    [["--rm", "--keep", "/bin/true"], /contradict/],
    [[], /expected an image or a command/],
  ])("run %s", async (args, line) => {
    const { code, stdout, stderr } = await host().mdocker(["run", ...args]);
    expect(stderr).toMatch(/^mdocker: [^\n]+\n$/);
    expect(stderr).toMatch(line);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  });
});

describe("a set-up that fails is 2 and one line", () => {
  test.each([
    [["-w", "/etc/passwd", "/bin/true"], /\/etc\/passwd/],
    [["-v", "/etc:/etc/passwd", "/bin/true"], /\/etc\/passwd/],
    [["--sysctl", "net.ipv4.no_such_thing=1", "/bin/true"], /no_such_thing/],
  ])("run %s", async (args, line) => {
    const { code, stdout, stderr } = await run(...args);
    expect(stderr).toMatch(/^mdocker: [^\n]+\n$/);
    expect(stderr).toMatch(line);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  test("without being root", async () => {
    const asNobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"];
    const { enter } = host().place;
    const command = [...enter, ...asNobody, host().env["MDOCKER"] ?? "", "run", "/bin/true"];
    // Nor with a place for namespaces of its own.
    const env = { ...host().env, XDG_RUNTIME_DIR: "/nonexistent" };
    const { code, stdout, stderr } = await runCommand(command, { env });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^mdocker: run needs root: try sudo mdocker run [^\n]*rootless[^\n]*\n$/);
  });
});
