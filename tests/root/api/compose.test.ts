import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runCommand } from "../../harness/command.ts";
import { dockerClients, withDocker } from "../../harness/docker.ts";

const compose = "/usr/bin/docker-compose";

const file = `
version: "2.4"
services:
  db:
    image: lab
    command: sh -c "echo ready; exec sleep 1000"
    volumes: ["data:/data"]
    healthcheck: {test: ["CMD", "true"], interval: 1s}
    mem_limit: 64m
  web:
    image: lab
    command: sh -c "echo serving; exec sleep 1000"
    environment: {GREETING: hello}
    depends_on: [db]
volumes: {data: {}}
`;

describe("docker-compose", () => {
  test("brings a project of two services up, looks at it, and takes it down", async () => {
    expect(existsSync(compose)).toBe(true);
    await withDocker(dockerClients[0] ?? "", async ({ host, socket, ask }) => {
      const folder = join(host.env["HOME"] ?? "", "shop");
      mkdirSync(folder);
      const path = join(folder, "docker-compose.yml");
      writeFileSync(path, file);
      const env = {
        PATH: process.env["PATH"],
        HOME: host.env["HOME"],
        DOCKER_HOST: `unix://${socket}`,
        COMPOSE_API_VERSION: "auto",
        PYTHONWARNINGS: "ignore",
      };
      const run = async (...args: string[]): Promise<string> => {
        const { code, stdout, stderr } = await runCommand(
          [...host.place.enter, compose, "-p", "shop", "-f", path, ...args],
          {
            env,
          },
        );
        if (code !== 0)
          throw new Error(`docker-compose ${args.join(" ")}: exit code ${code}: ${stderr}${stdout}`);
        return stdout;
      };
      await run("up", "-d");
      expect(await run("ps")).toMatch(/shop_db_1 [\s\S]*Up[\s\S]*shop_web_1 [\s\S]*Up/);
      expect(await run("logs", "--no-color")).toMatch(
        /db_1 +\| ready[\s\S]*web_1 +\| serving|web_1 +\| serving[\s\S]*db_1 +\| ready/,
      );
      expect(await run("exec", "-T", "web", "sh", "-c", "echo $GREETING")).toBe("hello\n");
      // Services know each other by their names, and by those of their containers.
      const networks = "{{json .NetworkSettings.Networks.shop_default}}";
      const ofDb = JSON.parse(await ask("inspect", "--format", networks, "shop_db_1"));
      expect(ofDb).toMatchObject({ Aliases: expect.arrayContaining(["db"]) });
      expect(ofDb.DNSNames).toEqual(expect.arrayContaining(["shop_db_1", "db"]));
      const both = "dig +short +tries=1 +time=20 db shop_db_1.shop_default web";
      const found = (await run("exec", "-T", "web", "sh", "-c", both)).trim().split("\n");
      expect(found.slice(0, 2)).toEqual([ofDb.IPAddress, ofDb.IPAddress]);
      expect(found).toHaveLength(3);
      await run("up", "-d");
      expect((await ask("ps", "-q")).split("\n").length).toBe(2);
      await run("stop", "-t", "1", "web");
      await run("restart", "-t", "1", "db");
      await run("down", "-v", "-t", "1");
      expect(await ask("ps", "-aq")).toBe("");
      expect(await ask("volume", "ls", "-q")).toBe("");
      expect(await ask("network", "ls", "-q", "--filter", "type=custom")).toBe("");
    });
  });
});
