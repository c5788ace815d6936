import { describe, expect, test } from "vitest";
import { dockerClients, withDocker } from "../../harness/docker.ts";

describe.each(dockerClients.map((client) => [client]))("%s", (client) => {
  test("makes networks, connects containers to them, and removes them", async () => {
    await withDocker(client, async ({ docker, ask }) => {
      expect((await ask("network", "ls", "--format", "{{.Name}} {{.Driver}}")).split("\n").sort()).toEqual([
        "bridge bridge",
        "host host",
        "none null",
      ]);
      const id = await ask("network", "create", "--subnet", "10.77.0.0/24", "--label", "a=b", "back");
      expect(id).toMatch(/^[0-9a-f]{64}$/);
      expect(await ask("network", "ls", "-q", "--no-trunc", "--filter", "label=a=b")).toBe(id);
      await ask(
        "run",
        "-d",
        "--name",
        "db",
        "--network",
        "back",
        "--ip",
        "10.77.0.9",
        "lab",
        "sleep",
        "1000",
      );
      expect(
        await ask(
          "network",
          "inspect",
          "--format",
          "{{range .Containers}}{{.Name}} {{.IPv4Address}}{{end}}",
          "back",
        ),
      ).toBe("db 10.77.0.9/24");
      expect(await ask("inspect", "-f", "{{.NetworkSettings.Networks.back.IPAddress}}", "db")).toBe(
        "10.77.0.9",
      );
      await ask("run", "-d", "--name", "web", "lab", "sleep", "1000");
      await ask("network", "connect", "back", "web");
      expect(await ask("exec", "web", "ip", "-br", "address")).toContain("10.77.0.");
      await ask("network", "disconnect", "back", "web");
      expect(await ask("exec", "web", "ip", "-br", "address")).not.toContain("10.77.0.");
      const busy = await docker(["network", "rm", "back"]);
      expect(busy.code).toBe(1);
      expect(busy.stderr).toContain("active endpoints");
      await ask("rm", "-f", "db", "web");
      expect(await ask("network", "rm", "back")).toBe("back");
      const gone = await docker(["network", "inspect", "back"]);
      expect(gone.stderr).toMatch(/network back not found|No such network: back/);
      await ask("network", "create", "unused");
      expect(await ask("network", "prune", "-f")).toContain("unused");
    });
  });

  test("gives networks IPv6 and a part of their subnet, and containers addresses of both", async () => {
    await withDocker(client, async ({ docker, ask }) => {
      const range = ["--subnet", "10.77.0.0/24", "--ip-range", "10.77.0.128/25"];
      await ask("network", "create", "--ipv6", ...range, "--subnet", "fd77::/64", "six");
      expect(
        await ask("network", "inspect", "-f", "{{.EnableIPv6}} {{(index .IPAM.Config 1).Gateway}}", "six"),
      ).toBe("true fd77::1");
      await ask("run", "-d", "--name", "one", "--network", "six", "--ip6", "fd77::9", "lab", "sleep", "1000");
      const settings =
        "{{with .NetworkSettings.Networks.six}}{{.IPAddress}} {{.GlobalIPv6Address}} {{.IPv6Gateway}}{{end}}";
      expect(await ask("inspect", "-f", settings, "one")).toBe("10.77.0.128 fd77::9 fd77::1");
      await ask("run", "-d", "--name", "two", "lab", "sleep", "1000");
      await ask("network", "connect", "--ip6", "fd77::2", "--link-local-ip", "169.254.7.7", "six", "two");
      expect(await ask("exec", "two", "ip", "-br", "address")).toMatch(/169\.254\.7\.7\/16 .*fd77::2\/64/);
      const taken = await docker(["network", "connect", "--ip6", "fd77::9", "six", "two"]);
      expect(taken.code).toBe(1);
      const refused = await docker(["network", "create", "-d", "macvlan", "lan"]);
      expect(refused.stderr).toContain("needs -o parent=LINK");
      await ask("rm", "-f", "one", "two");
      await ask("network", "rm", "six");
    });
  });

  test("makes volumes, and mounts them", async () => {
    await withDocker(client, async ({ docker, ask }) => {
      expect(await ask("volume", "create", "--label", "x=y", "data")).toBe("data");
      await ask("run", "--rm", "-v", "data:/data", "lab", "sh", "-c", "echo kept > /data/file");
      await ask(
        "run",
        "-d",
        "--name",
        "reader",
        "--mount",
        "type=volume,source=data,target=/d,readonly",
        "lab",
        "sleep",
        "1000",
      );
      expect(await ask("exec", "reader", "cat", "/d/file")).toBe("kept");
      expect(await ask("volume", "ls", "-q", "--filter", "label=x=y")).toBe("data");
      expect(
        await ask("inspect", "-f", "{{(index .Mounts 0).Name}} {{(index .Mounts 0).RW}}", "reader"),
      ).toBe("data false");
      const busy = await docker(["volume", "rm", "data"]);
      expect(busy.stderr).toContain("volume is in use");
      await ask("rm", "-f", "reader");
      await ask("run", "--name", "nameless", "-v", "/scratch", "lab", "true");
      await ask("rm", "-v", "nameless");
      expect(await ask("volume", "ls", "-q")).toBe("data");
      expect(await ask("volume", "rm", "data")).toBe("data");
    });
  });

  test("lists, names and removes images, and shows what takes room", async () => {
    await withDocker(client, async ({ docker, ask }) => {
      expect(await ask("images", "--format", "{{.Repository}}:{{.Tag}}")).toBe("lab:latest");
      expect(await ask("tag", "lab", "mine/tool:1.0")).toBe("");
      expect((await ask("images", "--format", "{{.Repository}}:{{.Tag}}")).split("\n").sort()).toEqual([
        "lab:latest",
        "mine/tool:1.0",
      ]);
      const id = await ask("image", "inspect", "--format", "{{.Id}}", "mine/tool:1.0");
      expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(await ask("image", "inspect", "--format", "{{.Id}}", id.slice(7, 19))).toBe(id);
      expect(await ask("history", "-q", "--no-trunc", "lab")).toBe(id);
      expect(await ask("rmi", "mine/tool:1.0")).toBe("Untagged: mine/tool:1.0");
      await ask(
        "run",
        "-d",
        "--name",
        "user",
        "lab",
        "sh",
        "-c",
        "head -c 100000 /dev/zero > /big; sleep 1000",
      );
      const refused = await docker(["rmi", "lab"]);
      expect(refused.stderr).toContain("unable to remove");
      expect(await ask("system", "df")).toMatch(/Images +1 +1/);
      expect(await ask("ps", "-s", "--format", "{{.Size}}")).toMatch(/kB/);
      const missing = await docker(["image", "inspect", "nothing"]);
      expect(missing.stderr).toContain("No such image: nothing");
      await ask("rm", "-f", "user");
    });
  });

  test("copies files both ways, shows changes, exports", async () => {
    await withDocker(client, async ({ docker, ask, host }) => {
      await ask("run", "-d", "--name", "box", "lab", "sh", "-c", "echo hello > /tmp/file; sleep 1000");
      await host.hostRun(["sh", "-c", "mkdir -p $HOME/in/deep; echo there > $HOME/in/deep/file"]);
      const home = host.env["HOME"] ?? "";
      const deadline = Date.now() + 10_000;
      while ((await docker(["cp", "box:/tmp/file", `${home}/out`])).code !== 0) {
        if (Date.now() > deadline) throw new Error("no file");
      }
      expect(await host.hostRun(["cat", `${home}/out`])).toBe("hello\n");
      await ask("cp", `${home}/in`, "box:/srv");
      expect(await ask("exec", "box", "cat", "/srv/in/deep/file")).toBe("there");
      expect((await ask("diff", "box")).split("\n")).toEqual(
        expect.arrayContaining(["A /tmp/file", "C /tmp"]),
      );
      const missing = await docker(["cp", "box:/nothing", `${home}/nothing`]);
      // The older client says it in words of its own.
      expect(missing.stderr).toMatch(
        /Could not find the file \/nothing in container box|No such container:path: box:\/nothing/,
      );
      await ask("export", "-o", `${home}/box.tar`, "box");
      expect(await host.hostRun(["tar", "-tf", `${home}/box.tar`])).toContain("tmp/file");
      await ask("rm", "-f", "box");
    });
  });
});
