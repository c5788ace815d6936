import { describe, expect, test } from "vitest";
import type { TestHost } from "../../harness/host.ts";
import { useHost } from "../../harness/shared-host.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";
import { endSupervisor } from "../../harness/supervisor.ts";
import { recordOf } from "./background.ts";

let host: TestHost;
useHost(
  (made) => {
    host = made;
  },
  async () => {
    await endSupervisor(host.place);
    await expectNothingLeft(host.fresh);
  },
);

const none = ["--net", "none"];
const soon = { timeout: 20_000, interval: 20 };

describe("a run that can be left", () => {
  test("is connected to the streams that are named, and leaves nothing", async () => {
    const script = "cat; echo err >&2; exit 3";
    const run = (...flags: readonly string[]) =>
      host.mdocker(["run", ...none, ...flags, "/bin/sh", "-c", script], { input: "typed\n" });
    expect(await run("-a", "stdout")).toEqual({ code: 3, stdout: "", stderr: "" });
    expect(await run("-a", "stderr")).toEqual({ code: 3, stdout: "", stderr: "err\n" });
    expect(await run("-a", "stdin", "-a", "stdout")).toEqual({ code: 3, stdout: "typed\n", stderr: "" });
    expect((await host.mdocker(["ps", "-aq"])).stdout).toBe("");
    expect(await run("-a", "out")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("expected stdin"),
    });
    expect(await run("-d", "-a", "stdout")).toMatchObject({ code: 1, stderr: expect.stringContaining("-d") });
  });

  test("without a proxy a signal leaves the container, with one it does not", async () => {
    const args = ["run", ...none, "--name", "left", "/bin/sh", "-c", "echo begun; exec sleep 1000"];
    const user = host.start([...args.slice(0, 1), "--sig-proxy=false", ...args.slice(1)]);
    await user.says(/begun/);
    user.child.kill("SIGINT");
    expect((await user.ended).code).toBe(130);
    expect((await recordOf(host, "left")).state).toBe("running");
    await host.mdocker(["stop", "-t", "0", "left"]);
    // It was not to stay.
    await expect.poll(async () => (await host.mdocker(["ps", "-aq"])).stdout, soon).toBe("");
  });

  test("and an exec are left by the keys that were named", async () => {
    const user = host.terminal([
      "run",
      "-it",
      ...none,
      "--name",
      "shell",
      "--detach-keys",
      "ctrl-x,x",
      "/bin/sh",
    ]);
    user.child.stdin.write("echo be''gun\n");
    await user.says(/begun/);
    user.child.stdin.write("\x18x");
    expect((await user.ended).code).toBe(0);
    expect((await recordOf(host, "shell")).state).toBe("running");
    const exec = host.terminal(["exec", "-it", "--detach-keys", "a,b", "shell", "/bin/sh"]);
    exec.child.stdin.write("tty; sleep 77 & echo be''gun\n");
    await exec.says(/begun/);
    exec.child.stdin.write("ab");
    expect((await exec.ended).code).toBe(0);
    expect(exec.output()).toMatch(/detached: the command runs on/);
    expect((await host.mdocker(["top", "shell"])).stdout).toMatch(/sleep 77/);
    const ends = host.terminal(["exec", "-it", "--detach-keys", "ctrl-q", "shell", "/bin/sh"]);
    ends.child.stdin.write("exit 9\n");
    expect((await ends.ended).code).toBe(9);
    const wrong = await host.mdocker(["exec", "--detach-keys", "long", "shell", "/bin/true"]);
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining("expected keys such as") });
    await host.mdocker(["rm", "-f", "shell"]);
  });
});
