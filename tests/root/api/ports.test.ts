import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { runCommand } from "../../harness/command.ts";
import { dockerClients, withDocker } from "../../harness/docker.ts";

// Far more than is needed: many programs are started, perhaps by a busy machine.
vi.setConfig({ testTimeout: 240_000 });

const client = dockerClients[0] ?? "";
/** Welcomes on port 80, one after the other. */
const serve = ["lab", "sh", "-c", "while true; do echo welcome | nc -l -N -p 80; done"];
/** Calls until somebody answers: the command may not listen yet. */
const call = (port: number): string[] => [
  "sh",
  "-c",
  `until nc -N -w 5 127.0.0.1 ${port} </dev/null 2>/dev/null | grep welcome; do sleep 0.05; done`,
];

test("docker's client publishes, shows, moves and takes back ports", async () => {
  await withDocker(client, async ({ ask, docker, host }) => {
    const rules = async (): Promise<string> =>
      host.hostRun(["sh", "-c", "iptables-save | grep -- --dport || true"]);
    await ask(
      "run",
      "-d",
      "--name",
      "web",
      "-p",
      "8080:80",
      "-P",
      "--expose",
      "53/udp",
      "--expose",
      "80",
      ...serve,
    );
    expect(await host.hostRun(call(8080))).toBe("welcome\n");
    expect(await ask("port", "web", "80")).toBe("127.0.0.1:8080");
    expect(await ask("port", "web")).toMatch(/^53\/udp -> 127\.0\.0\.1:\d+\n80\/tcp -> 127\.0\.0\.1:8080$/);
    expect(await ask("ps", "--format", "{{.Ports}}")).toMatch(/127\.0\.0\.1:8080->80\/tcp/);
    const inspected = JSON.parse(
      await ask(
        "inspect",
        "-f",
        "[{{json .NetworkSettings.Ports}},{{json .HostConfig.PortBindings}},{{json .Config.ExposedPorts}}]",
        "web",
      ),
    ) as object[];
    expect(inspected).toEqual([
      {
        "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "8080" }],
        "53/udp": [{ HostIp: "127.0.0.1", HostPort: expect.stringMatching(/^\d+$/) }],
      },
      { "80/tcp": [{ HostIp: "", HostPort: "8080" }] },
      { "80/tcp": {}, "53/udp": {} },
    ]);
    // A second one is told whose port it is, and is not left half made.
    const { code, stderr } = await docker(["run", "-d", "--name", "rival", "-p", "8080:80", ...serve]);
    expect({ code, stderr }).toEqual({ code: 125, stderr: expect.stringMatching(/in use by container web/) });
    await ask("rm", "rival");
    // Another network, whose option says where ports are bound.
    await ask(
      "network",
      "create",
      "-o",
      "com.docker.network.bridge.host_binding_ipv4=0.0.0.0",
      "--subnet",
      "10.77.1.0/24",
      "red",
    );
    await ask("network", "connect", "red", "web");
    expect(await rules()).toContain("10.200.1.2:80");
    await ask("network", "disconnect", "bridge", "web");
    expect(await rules()).not.toContain("10.200.1.2");
    expect(await host.hostRun(call(8080))).toBe("welcome\n");
    // Stopped, its port is another's; started again, it has it again.
    await ask("stop", "-t", "0", "web");
    expect(await rules()).toBe("");
    expect(await ask("port", "web")).toBe("");
    await ask("run", "--rm", "-p", "8080:80", "lab", "true");
    await ask("start", "web");
    expect(await ask("port", "web", "80")).toBe("0.0.0.0:8080");
    expect(await host.hostRun(call(8080))).toBe("welcome\n");
    await ask("restart", "-t", "0", "web");
    expect(await host.hostRun(call(8080))).toBe("welcome\n");
    await ask("rm", "-f", "web");
    expect(await rules()).toBe("");
    await ask("network", "rm", "red");
  });
});

const file = `
version: "2.4"
services:
  web:
    image: lab
    command: sh -c "while true; do echo welcome | nc -l -N -p 80; done"
    ports: ["8080:80", "127.0.0.1:8081:80", "9000-9001:90-91/udp"]
`;

test("docker-compose publishes the ports of a service", async () => {
  await withDocker(client, async ({ host, socket }) => {
    const folder = join(host.env["HOME"] ?? "", "shop");
    mkdirSync(folder);
    writeFileSync(join(folder, "docker-compose.yml"), file);
    const env = {
      PATH: process.env["PATH"],
      HOME: host.env["HOME"],
      DOCKER_HOST: `unix://${socket}`,
      COMPOSE_API_VERSION: "auto",
      PYTHONWARNINGS: "ignore",
    };
    const run = async (...args: string[]): Promise<string> => {
      const command = [
        ...host.place.enter,
        "/usr/bin/docker-compose",
        "-f",
        join(folder, "docker-compose.yml"),
        ...args,
      ];
      const { code, stdout, stderr } = await runCommand(command, { env });
      if (code !== 0)
        throw new Error(`docker-compose ${args.join(" ")}: exit code ${code}: ${stderr}${stdout}`);
      return stdout;
    };
    await run("up", "-d");
    for (const port of [8080, 8081]) expect(await host.hostRun(call(port))).toBe("welcome\n");
    expect(await run("port", "web", "80")).toMatch(/^127\.0\.0\.1:808[01]\n$/);
    expect(await run("port", "--protocol", "udp", "web", "91")).toBe("127.0.0.1:9001\n");
    expect(await run("ps")).toMatch(/127\.0\.0\.1:8080->80\/tcp/);
    await run("down", "-t", "0");
  });
});
