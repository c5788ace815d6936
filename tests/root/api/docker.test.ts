import { describe, expect, test } from "vitest";
import { dockerClients, withDocker } from "../../harness/docker.ts";

test("there is a docker client to test with", () => {
  expect(dockerClients.length).toBeGreaterThan(0);
});

describe.each(dockerClients.map((client) => [client]))("%s", (client) => {
  test("asks for versions and facts", async () => {
    await withDocker(client, async ({ ask, host }) => {
      expect(await ask("version", "--format", "{{.Server.APIVersion}}")).toBe("1.47");
      expect(await ask("version")).toMatch(/Server: ?(mdocker)?/);
      const info = JSON.parse(await ask("info", "--format", "{{json .}}")) as Record<string, unknown>;
      expect(info).toMatchObject({ DockerRootDir: host.place.root, Containers: 0, Images: 1 });
      expect(await ask("info")).toContain("Storage Driver: overlay2");
    });
  });

  test("runs a command to its end, with its output and exit code", async () => {
    await withDocker(client, async ({ docker, ask }) => {
      const { code, stdout, stderr } = await docker([
        "run",
        "--rm",
        "lab",
        "sh",
        "-c",
        "echo out; echo err >&2; exit 3",
      ]);
      expect({ code, stdout, stderr }).toEqual({ code: 3, stdout: "out\n", stderr: "err\n" });
      expect(await ask("ps", "-aq")).toBe("");
      const typed = await docker(["run", "--rm", "-i", "lab", "sh", "-c", "cat; echo after"], {
        input: "typed\n",
      });
      expect(typed).toEqual({ code: 0, stdout: "typed\nafter\n", stderr: "" });
      const missing = await docker(["run", "--rm", "lab", "/nothing"]);
      expect(missing.code).toBe(127);
      expect(missing.stderr).toContain("/nothing");
      expect(await ask("ps", "-aq")).toBe("");
    });
  });

  test("takes a container through its life", async () => {
    await withDocker(client, async ({ docker, ask }) => {
      const id = await ask(
        "run",
        "-d",
        "--name",
        "web",
        "--label",
        "tier=front",
        "-m",
        "64m",
        "lab",
        "sleep",
        "1000",
      );
      expect(id).toMatch(/^[0-9a-f]{64}$/);
      expect(await ask("ps", "--format", "{{.Names}} {{.Image}} {{.State}}")).toBe("web lab running");
      expect(await ask("ps", "--no-trunc", "-q", "--filter", "label=tier=front")).toBe(id);
      expect(await ask("ps", "-q", "--filter", "name=other")).toBe("");
      expect(
        await ask("inspect", "--format", "{{.State.Status}} {{.HostConfig.Memory}} {{.Name}}", "web"),
      ).toBe("running 67108864 /web");
      expect(await ask("inspect", "--format", "{{.NetworkSettings.IPAddress}}", "web")).toMatch(/^10\./);
      expect(await ask("top", "web")).toContain("sleep 1000");
      expect(await ask("pause", "web")).toBe("web");
      expect(await ask("ps", "--format", "{{.Status}}")).toContain("(Paused)");
      expect(await ask("unpause", "web")).toBe("web");
      expect(await ask("rename", "web", "shop")).toBe("");
      expect(await ask("update", "--memory", "128m", "--memory-swap", "128m", "shop")).toBe("shop");
      expect(await ask("inspect", "--format", "{{.HostConfig.Memory}}", "shop")).toBe("134217728");
      expect(await ask("stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}", "shop")).toMatch(
        /^shop [1-9]/,
      );
      expect(await ask("restart", "-t", "1", "shop")).toBe("shop");
      expect(await ask("stop", "-t", "1", "shop")).toBe("shop");
      expect(await ask("ps", "-a", "--format", "{{.Status}}")).toMatch(/^Exited \(\d+\)/);
      expect(await ask("start", "shop")).toBe("shop");
      const again = await docker(["start", "shop"]);
      expect(again.code).toBe(0);
      const refused = await docker(["rm", "shop"]);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain("cannot remove");
      expect(await ask("kill", "-s", "KILL", "shop")).toBe("shop");
      expect(await ask("wait", "shop")).toBe("137");
      expect(await ask("rm", "shop")).toBe("shop");
      const gone = await docker(["inspect", "shop"]);
      expect(gone.code).toBe(1);
    });
  });

  test("creates, starts with its streams, attaches", async () => {
    await withDocker(client, async ({ docker, ask, start }) => {
      await ask("create", "-i", "--name", "cat", "lab", "cat");
      expect(await docker(["start", "-a", "-i", "cat"], { input: "once\n" })).toEqual({
        code: 0,
        stdout: "once\n",
        stderr: "",
      });
      await ask("run", "-d", "-i", "--name", "reader", "lab", "sh", "-c", "read x; echo got $x; exit 5");
      const attached = start(["attach", "reader"]);
      attached.child.stdin.end("word\n");
      expect(await attached.ended).toEqual({ code: 5, stdout: "got word\n", stderr: "" });
      expect(await ask("container", "prune", "-f")).toMatch(
        /Deleted Containers:\n[0-9a-f]{64}\n[0-9a-f]{64}/,
      );
    });
  });

  test("executes further commands", async () => {
    await withDocker(client, async ({ docker, ask }) => {
      await ask("run", "-d", "--name", "host", "lab", "sleep", "1000");
      expect(await docker(["exec", "host", "sh", "-c", "echo out; echo err >&2; exit 4"])).toEqual({
        code: 4,
        stdout: "out\n",
        stderr: "err\n",
      });
      const typed = await docker(
        ["exec", "-i", "-e", "X=1", "-w", "/tmp", "host", "sh", "-c", "pwd; cat; echo $X"],
        {
          input: "typed\n",
        },
      );
      expect(typed).toEqual({ code: 0, stdout: "/tmp\ntyped\n1\n", stderr: "" });
      expect(await ask("exec", "-t", "host", "sh", "-c", "tty; stty size")).toMatch(/^\/dev\/pts\/\d+\r\n/);
      const missing = await docker(["exec", "host", "/nothing"]);
      expect(missing.code).toBe(127);
      expect(missing.stderr + missing.stdout).toContain("/nothing");
      await ask("exec", "-d", "host", "sh", "-c", "echo done > /tmp/done; sleep 1000");
      const deadline = Date.now() + 10_000;
      while ((await docker(["exec", "host", "cat", "/tmp/done"])).stdout !== "done\n") {
        if (Date.now() > deadline) throw new Error("the detached command has done nothing");
      }
      const big = await docker(["exec", "host", "seq", "1", "200000"]);
      expect(big.stdout.split("\n").length).toBe(200_001);
      expect(await ask("stop", "-t", "0", "host")).toBe("host");
      const ended = await docker(["exec", "host", "true"]);
      expect(ended.code).toBe(1);
      expect(ended.stderr).toContain("is not running");
      await ask("rm", "host");
    });
  });

  test("shows logs", async () => {
    await withDocker(client, async ({ docker, ask, start }) => {
      await ask("run", "-d", "--name", "one", "lab", "sh", "-c", "echo a; echo c; sleep 0.1; echo b >&2");
      await ask("wait", "one");
      expect(await docker(["logs", "one"])).toEqual({ code: 0, stdout: "a\nc\n", stderr: "b\n" });
      expect(await docker(["logs", "-n", "2", "one"])).toEqual({ code: 0, stdout: "c\n", stderr: "b\n" });
      expect(await ask("logs", "-t", "-n", "2", "one")).toMatch(/^\d{4}-\d\d-\d\dT[\d:]+\.\d{9}Z c$/);
      expect(await ask("logs", "--since", "2099-01-01", "one")).toBe("");
      await ask(
        "run",
        "-d",
        "-t",
        "--name",
        "two",
        "lab",
        "sh",
        "-c",
        "for i in 1 2 3; do echo $i; sleep 0.2; done",
      );
      const followed = await start(["logs", "-f", "two"]).ended;
      expect(followed).toEqual({ code: 0, stdout: "1\r\n2\r\n3\r\n", stderr: "" });
      await ask("run", "-d", "--name", "three", "--log-driver", "none", "lab", "true");
      const none = await docker(["logs", "three"]);
      expect(none.stderr).toContain("configured logging driver does not support reading");
      await ask("rm", "-f", "one", "two", "three");
    });
  });

  test("watches events", async () => {
    await withDocker(client, async ({ ask, start }) => {
      const events = start([
        "events",
        "--since",
        "1m",
        "--filter",
        "type=container",
        "--format",
        "{{.Action}} {{.Actor.Attributes.name}}",
      ]);
      await ask("run", "--rm", "--name", "short", "lab", "true");
      await events.says(/destroy short/);
      events.child.kill("SIGINT");
      const { stdout } = await events.ended;
      expect(stdout.split("\n").filter((line) => !line.startsWith("attach"))).toEqual([
        "create short",
        "start short",
        "die short",
        "destroy short",
        "",
      ]);
    });
  });

  test("is told what there is not", async () => {
    await withDocker(client, async ({ docker }) => {
      for (const [args, why] of [
        [["run", "nothing-of-this-name", "true"], "pull"],
        [["create", "--gpus", "all", "lab"], "HostConfig.DeviceRequests is not supported"],
        [["create", "--memory", "1k", "lab"], "emory"],
        [["kill", "nobody"], "daemon: No such container: nobody\n"],
        [["swarm", "init"], "mdocker"],
        [["search", "x"], "mdocker"],
      ] as const) {
        const { code, stderr } = await docker(args);
        expect(`${stderr.trimEnd()}\n`).toContain(why);
        expect(code).toBeGreaterThan(0);
      }
    });
  });
});
