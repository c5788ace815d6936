import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { type CommandOptions, type Result, type Running, runCommand, startCommand } from "./command.ts";
import { type TestHost, withTestHost } from "./host.ts";
import { sharedLabImage } from "./lab-image.ts";
import { endSupervisor } from "./supervisor.ts";

/** The stock docker clients of this machine: of the distribution (20.10 on Debian 12), and others. */
export const dockerClients: readonly string[] = [
  ...new Set(
    (process.env["PATH"] ?? "")
      .split(":")
      .map((folder) => join(folder, "docker"))
      .filter((path) => existsSync(path))
      .map((path) => realpathSync(path)),
  ),
];

/** A host with a supervisor, and a docker client that talks to it. */
export interface DockerSite {
  readonly host: TestHost;
  readonly socket: string;
  /** `docker ARGS` to its end; a failure is a result. */
  readonly docker: (args: readonly string[], options?: CommandOptions) => Promise<Result>;
  /** `docker ARGS`: its stdout, without the last line's end. Fails when it does not end with 0. */
  readonly ask: (...args: readonly string[]) => Promise<string>;
  /** `docker ARGS`, running. */
  readonly start: (args: readonly string[], options?: CommandOptions) => Running;
}

/** Runs `act` on a throw-away host with the default image; afterwards the supervisor ends and nothing may be left. */
export async function withDocker(client: string, act: (site: DockerSite) => Promise<void>): Promise<void> {
  await withTestHost(
    async (host) => {
      const socket = join(host.place.state, "mdocker.sock");
      const line = (args: readonly string[]): string[] => [
        ...host.place.enter,
        client,
        "-H",
        `unix://${socket}`,
        ...args,
      ];
      const env = { PATH: process.env["PATH"], HOME: host.env["HOME"], DOCKER_CLI_HINTS: "false" };
      const docker = (args: readonly string[], options?: CommandOptions): Promise<Result> =>
        runCommand(line(args), { ...options, env });
      const supervisor = startCommand(
        [...host.place.enter, "sh", "-c", 'exec "$MDOCKER" supervisor --ready-fd 3 3>&1'],
        { env: host.env, deadline: 300_000 },
      );
      await supervisor.says(/^ready$/m);
      try {
        await act({
          host,
          socket,
          docker,
          ask: async (...args) => {
            const { code, stdout, stderr } = await docker(args);
            if (code !== 0)
              throw new Error(`docker ${args.join(" ")}: exit code ${code}: ${stderr}${stdout}`);
            return stdout.replace(/\n$/, "");
          },
          start: (args, options) => startCommand(line(args), { ...options, env }),
        });
      } finally {
        await endSupervisor(host.place);
      }
      const { code, stderr } = await supervisor.ended;
      if (code !== 0 || stderr !== "") throw new Error(`the supervisor ended with ${code}: ${stderr}`);
    },
    { image: await sharedLabImage() },
  );
}
