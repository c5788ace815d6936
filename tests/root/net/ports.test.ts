import { closeSync } from "node:fs";
import { describe, expect, test, vi } from "vitest";
import { reservePorts } from "../../../net/ports/reserve.ts";
import type { Instance } from "../../../src/core/paths.ts";
import type { PortMapping } from "../../../src/core/port-mapping.ts";
import { bundle } from "../../harness/bundle.ts";
import { type Running, startCommand } from "../../harness/command.ts";
import { runHere } from "../../harness/netns.ts";
import { containerId, onNetworkSite, self } from "../../harness/network-site.ts";

// Far more than is needed: many programs are started, perhaps by a busy machine.
vi.setConfig({ testTimeout: 240_000 });

describe("a port of the host", () => {
  const take = (instance: Instance, at: number, ...mappings: (PortMapping & { hostAddress: string })[]) =>
    reservePorts(instance, { container: containerId(at), owner: self(), mappings, nameOf: () => "web" });
  const tcp = (hostPort: number, hostAddress = "127.0.0.1") =>
    ({ protocol: "tcp", containerPort: 80, hostPort, hostAddress }) as const;

  test("belongs to one container, and to nobody else while its sockets are open", async () => {
    await onNetworkSite(async ({ instance }) => {
      runHere("ip", "link", "set", "lo", "up");
      const { ports, sockets } = take(instance, 1, tcp(8080), { ...tcp(8080), protocol: "udp" });
      expect(ports.map(({ hostPort, protocol }) => `${hostPort}/${protocol}`)).toEqual([
        "8080/tcp",
        "8080/udp",
      ]);
      expect(() => take(instance, 2, tcp(8080))).toThrow(
        `-p 127.0.0.1:8080:80: 127.0.0.1:8080/tcp is in use by container web (${containerId(1).slice(0, 12)})`,
      );
      expect(() => take(instance, 2, tcp(8080, "0.0.0.0"))).toThrow(
        "0.0.0.0:8080/tcp is in use by container web",
      );
      expect(() => take(instance, 2, tcp(8081), tcp(8081))).toThrow("127.0.0.1:8081/tcp is asked for twice");
      expect(() => take(instance, 2, tcp(8081, "192.0.2.77"))).toThrow(
        "no interface of the host has the address 192.0.2.77",
      );
      // Of several that could not be had, none is kept.
      expect(() => take(instance, 2, tcp(8082), tcp(8080))).toThrow("in use");
      const [other] = take(instance, 2, { ...tcp(8080), lastHostPort: 8083 }).ports;
      expect(other?.hostPort).toBe(8081);
      expect(() => take(instance, 3, { ...tcp(8080), lastHostPort: 8081 })).toThrow(
        "none of the ports 8080 to 8081 is free; the last: 127.0.0.1:8081/tcp is in use",
      );
      // No program of the host can have it either.
      const nc = startCommand(["nc", "-l", "127.0.0.1", "8080"]);
      expect(await nc.ended).toMatchObject({ code: 1, stderr: expect.stringMatching(/in use/) });
      const any = take(instance, 4, { protocol: "tcp", containerPort: 80, hostAddress: "127.0.0.1" });
      expect(any.ports[0]?.hostPort).toBeGreaterThan(1023);
      for (const socket of [...sockets, ...any.sockets]) closeSync(socket);
    });
  });

  test("that a program listens on is refused, and the program named", async () => {
    await onNetworkSite(async ({ instance }) => {
      runHere("ip", "link", "set", "lo", "up");
      const server = startCommand([
        process.execPath,
        "-e",
        'require("net").createServer().listen(8080, "0.0.0.0", () => console.log("listening"));',
      ]);
      await server.says(/listening/);
      expect(() => take(instance, 1, tcp(8080))).toThrow(
        new RegExp(
          `127.0.0.1:8080/tcp is in use by \\S+ \\(pid ${server.pid}\\): choose another port of the host`,
        ),
      );
      server.child.kill();
      await server.ended;
      const { sockets } = take(instance, 1, tcp(8080));
      for (const socket of sockets) closeSync(socket);
    });
  });

  test("is one of its own for each of fifty that ask at once", async () => {
    const program = bundle("port-holder");
    const running: Running[] = [];
    try {
      await onNetworkSite(async ({ instance }) => {
        runHere("ip", "link", "set", "lo", "up");
        const start = (at: number): Running => {
          const holder = startCommand([
            "node",
            program.path,
            instance.state,
            containerId(at),
            "9000",
            "9049",
          ]);
          running.push(holder);
          return holder;
        };
        const holders = Array.from({ length: 50 }, (_, at) => start(at));
        await Promise.all(holders.map(({ says }) => says(/^ready$/m)));
        for (const { child } of holders) child.stdin.write("go\n");
        const said = await Promise.all(holders.map(({ says }) => says(/^(took|failed) (.*)$/m)));
        const pairs = said.map(([, , ports = ""]) => ports.split(" "));
        for (const which of [0, 1]) expect(new Set(pairs.map((pair) => pair[which])).size).toBe(50);
        const late = start(50);
        await late.says(/^ready$/m);
        // Who is killed leaves its ports to others.
        holders[0]?.child.kill("SIGKILL");
        await holders[0]?.ended;
        late.child.stdin.write("go\n");
        expect((await late.says(/^took (.*)$/m))[1]).toBe(pairs[0]?.join(" "));
        for (const { child } of running) child.stdin.end();
        await Promise.all(running.map(({ ended }) => ended));
      });
    } finally {
      for (const { child } of running) child.kill("SIGKILL");
      program.remove();
    }
  });
});
