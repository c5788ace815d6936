import { describe, expect, test } from "vitest";
import { dockerClients, withDocker } from "../../harness/docker.ts";

// One client is enough here: what it sends is what the flags say.
describe.each(dockerClients.slice(-1).map((client) => [client]))("%s", (client) => {
  test("shares namespaces, and inspect tells which", async () => {
    await withDocker(client, async ({ docker, ask }) => {
      const own = "sh -c 'readlink /proc/self/ns/pid /proc/self/ns/ipc'";
      await ask(
        "run",
        "-d",
        "--name",
        "one",
        "--ipc",
        "shareable",
        "--network",
        "none",
        "lab",
        "sleep",
        "1000",
      );
      const id = await ask("inspect", "--format", "{{.Id}}", "one");
      await ask(
        ...[
          "run",
          "-d",
          "--name",
          "two",
          "--pid",
          "container:one",
          "--ipc",
          "container:one",
          "--uts",
          "host",
        ],
        ...["--cgroupns", "host", "--network", "none", "lab", "sh", "-c", "setsid sleep 1000 & sleep 1000"],
      );
      const look = (name: string): Promise<string> => ask("exec", name, "sh", "-c", own.slice(7, -1));
      expect(await look("two")).toBe(await look("one"));
      const format =
        "{{.HostConfig.PidMode}} {{.HostConfig.IpcMode}} {{.HostConfig.UTSMode}} {{.HostConfig.CgroupnsMode}}";
      expect(await ask("inspect", "--format", format, "two")).toBe(
        `container:${id} container:${id} host host`,
      );
      expect(await ask("inspect", "--format", format, "one")).toBe(" shareable  private");
      // Killed, it leaves nothing running, though its init was no pid 1.
      await ask("kill", "two");
      expect(await ask("exec", "one", "sh", "-c", "ps -e -o comm= | grep -c sleep")).toBe("1");
      const { code, stderr } = await docker(["start", "two"]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      await ask("rm", "-f", "two");
      await ask("rm", "-f", "one");
      const alone = await docker(["run", "--rm", "--pid", "container:one", "lab", "true"]);
      expect(alone.code).toBeGreaterThan(0);
      expect(alone.stderr).toContain("one");
    });
  });

  test("hands out devices, shared memory and paths", async () => {
    await withDocker(client, async ({ ask }) => {
      const script =
        "stat -c %t:%T /dev/own; df --output=size /dev/shm | tail -1; grep -c ' /proc/keys ' /proc/self/mountinfo; true";
      const said = await ask(
        ...["run", "--rm", "--network", "none", "--device", "/dev/full:/dev/own:rw", "--shm-size", "1m"],
        ...["--security-opt", "systempaths=unconfined", "lab", "sh", "-c", script],
      );
      expect(said.split(/\s+/)).toEqual(["1:7", "1024", "0"]);
      await ask(
        ...[
          "create",
          "--name",
          "dev",
          "--network",
          "none",
          "--device",
          "/dev/full:/dev/own:rw",
          "--device-cgroup-rule",
          "c 1:11 r",
        ],
        ...["--shm-size", "1m", "lab", "true"],
      );
      expect(
        await ask(
          "inspect",
          "--format",
          "{{json .HostConfig.Devices}} {{json .HostConfig.DeviceCgroupRules}} {{.HostConfig.ShmSize}}",
          "dev",
        ),
      ).toBe(
        '[{"PathOnHost":"/dev/full","PathInContainer":"/dev/own","CgroupPermissions":"rw"}] ["c 1:11 r"] 1048576',
      );
      await ask("rm", "dev");
    });
  });
});
