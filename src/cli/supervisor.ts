import { closeSync, writeSync } from "node:fs";
import type { Command } from "commander";
import { messageOf, SetupError, UsageError } from "../core/errors.ts";
import { builtFile } from "../core/home.ts";
import type { Instance } from "../core/paths.ts";
import { isRootless } from "../core/rootless.ts";
import { becomeProgram, passOn } from "../sys/exec.ts";
import { notifySystemd } from "../sys/notify.ts";
import { isAddress } from "./address.ts";
import { say } from "./output.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";

interface SupervisorFlags {
  readonly host?: readonly string[];
  readonly stopContainers?: boolean;
  readonly readyFd?: string;
  readonly dns?: string;
  readonly usernsRemap?: string;
}

/** The first of the descriptors that systemd passes (sd_listen_fds(3)). */
const firstFd = 3;

/** The sockets that systemd listens on for us. */
function systemdFds(env: NodeJS.ProcessEnv): number[] {
  if (env["LISTEN_PID"] !== String(process.pid)) return [];
  return Array.from({ length: Number(env["LISTEN_FDS"] ?? 0) }, (_, at) => firstFd + at);
}

/** The path of `unix:///path`; undefined for `fd://`, which are the sockets of systemd. @throws UsageError */
function hostPath(host: string): string | undefined {
  if (/^fd:\/\/$/.test(host)) return undefined;
  const path = /^unix:\/\/(\/.+)$/.exec(host)?.[1];
  if (path === undefined) throw new UsageError(`-H: ${host}: expected unix:///PATH`);
  return path;
}

/** Where the host itself may ask for names. @throws UsageError for an address that others reach, too */
function dnsAddress(
  text: string | undefined,
): { readonly address: string; readonly port: number } | undefined {
  if (text === undefined) return undefined;
  const match = /^(127\.\d+\.\d+\.\d+|\[::1\])(?::(\d{1,5}))?$/.exec(text);
  const address = (match?.[1] ?? "").replace(/[[\]]/g, "");
  const port = Number(match?.[2] ?? 53);
  if (!isAddress(address) || port < 1 || port > 65_535)
    throw new UsageError(
      `--dns: ${text}: expected an address of the loopback, such as 127.0.0.153 or 127.0.0.153:5353`,
    );
  return { address, port };
}

function readyFd(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,4}$/.test(text) || Number(text) < firstFd)
    throw new UsageError(`--ready-fd: ${text}: expected the number of a descriptor, from ${firstFd}`);
  return Number(text);
}

/**
 * mdocker is started with flags of Node that make a short life shorter, and a long one larger and easier to slow down
 * from outside: a supervisor starts again without them, as the same process.
 */
function startOverForLong(fds: readonly number[]): void {
  if (process.execArgv.length === 0) return;
  for (const fd of [0, 1, 2, ...fds]) passOn(fd);
  const args = [process.execPath, builtFile("mdocker.cjs"), ...process.argv.slice(2)];
  becomeProgram(process.execPath, args, process.env);
}

/** Tells whoever started us how it went: `ready`, or what went wrong, in one line; once. */
function starterOf(fd: number | undefined): (line: string) => void {
  let open = fd;
  return (line) => {
    if (open === undefined) return;
    writeSync(open, `${line.replaceAll(/\s*\n\s*/g, "; ")}\n`);
    closeSync(open);
    open = undefined;
  };
}

function tellSystemd(state: string): void {
  const socket = process.env["NOTIFY_SOCKET"];
  if (socket !== undefined) notifySystemd(socket, state);
}

/** Resolves when we are asked to end. */
function endAsked(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => resolve());
    // It goes on when the terminal it was started from goes.
    process.on("SIGHUP", () => undefined);
  });
}

/** What containers get whose request names no users. @throws UsageError */
async function usersOf(remap: string | undefined): Promise<string | undefined> {
  if (remap === undefined) return undefined;
  if (isRootless())
    throw new UsageError(
      "--userns-remap: you are not root, so your containers have users of your own already: leave it out",
    );
  const { hostRemap } = await import("./options/users-remap.ts");
  return hostRemap(remap);
}

async function supervise(instance: Instance, flags: SupervisorFlags): Promise<void> {
  const ready = readyFd(flags.readyFd);
  const fds = systemdFds(process.env);
  const dns = dnsAddress(flags.dns);
  const paths = (flags.host ?? []).map(hostPath).filter((path) => path !== undefined);
  const users = await usersOf(flags.usernsRemap);
  const tellStarter = starterOf(ready);
  startOverForLong([...fds, ...(ready === undefined ? [] : [ready])]);
  try {
    const { becomeSupervisor, supervisorPid } = await import("../supervisor/single.ts");
    const turn = await becomeSupervisor(instance);
    if (turn === undefined) {
      if (ready === undefined)
        throw new SetupError(`supervisor: one runs already: process ${supervisorPid(instance) ?? "unknown"}`);
      tellStarter("ready");
      return;
    }
    // What goes wrong with one container or one client must not end the supervision of the others.
    process.on("uncaughtException", (error) => say(`supervisor: ${error.stack ?? error.message}`));
    process.on("unhandledRejection", (error) => say(`supervisor: ${messageOf(error)}`));
    const end = endAsked();
    const { serve } = await import("../supervisor/serve.ts");
    const { translatorsFor } = await import("./api/translators.ts");
    const service = await serve(instance, {
      ...{ paths, fds, say, dns },
      translators: translatorsFor(users),
    });
    turn.begun();
    tellStarter("ready");
    tellSystemd("READY=1");
    await end;
    tellSystemd("STOPPING=1");
    await service.close({ stop: flags.stopContainers === true });
  } catch (error) {
    tellStarter(messageOf(error));
    throw error;
  }
}

/** Adds `supervisor`. */
export function registerSupervisor(program: Command): void {
  const command = program
    .command("supervisor")
    .summary("keep detached containers and serve the Docker Engine API")
    .description(
      "Keeps the containers that run detached, and serves the Docker Engine API on mdocker.sock in the state " +
        "directory. Started by the first command that needs it; only one runs. SIGTERM ends it in order: its " +
        "containers run on and wait for the next one.",
    )
    .helpOption("--help", "show help")
    .option(
      "-H, --host <unix:///path>",
      "also listen there (may be given more than once)",
      (value: string, all: readonly string[] = []) => [...all, value],
    )
    .option(
      "--dns <address[:port]>",
      "answer the names of all networks to the host, too: at an address of its loopback",
    )
    .option(
      "--userns-remap <users>",
      "containers made over the API get users of their own, unless they ask for the host's: default, USER[:GROUP] or UID:GID:SIZE",
    )
    .option("--stop-containers", "stop the containers when it ends")
    .option("--ready-fd <number>", "write a line to this descriptor when requests are taken")
    .action(async (flags: SupervisorFlags) => {
      requireRoot("supervisor");
      await supervise(instanceOf(command), flags);
    });
}
