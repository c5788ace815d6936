import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { home } from "../../src/core/home.ts";
import {
  type CommandOptions,
  outputOf,
  type Result,
  type Running,
  runCommand,
  startCommand,
} from "./command.ts";
import { makeNamespaces, type Namespaces } from "./holder.ts";
import { shareScript } from "./lab-image.ts";
import { expectNothingLeft, type Place, type Snapshot, takeSnapshot } from "./snapshot.ts";
import { sweep } from "./sweep.ts";
import { onTerminal } from "./terminal.ts";

/** A throw-away host: its own network and mounts, and an instance of mdocker that nothing else shares. */
export interface TestHost {
  readonly place: Place & { readonly enter: readonly string[] };
  /** What it looked like when it was made. */
  readonly fresh: Snapshot;
  /** The pid that holds its namespaces: /proc/PID/ns/net. */
  readonly pid: number;
  /** The address that the outside sees of this host, and that of the outside. */
  readonly address: string;
  readonly outside: { readonly address: string; readonly pid: number; readonly enter: readonly string[] };
  /** The environment that `mdocker` runs with: MDOCKER_ROOT, MDOCKER_STATE, MDOCKER_PREFIX, and nothing of ours. */
  readonly env: NodeJS.ProcessEnv;
  /** `mdocker ARGS` to its end; a failure is a result, not an exception. */
  readonly mdocker: (args: readonly string[], options?: CommandOptions) => Promise<Result>;
  /** `mdocker ARGS`, running: to be written to, killed, awaited. Its pid is that of mdocker itself. */
  readonly start: (args: readonly string[], options?: CommandOptions) => Running;
  /** A plain command on this host; its stdout. Throws when it fails. `$MDOCKER` names the program for shell scripts. */
  readonly hostRun: (command: readonly string[], options?: CommandOptions) => Promise<string>;
  /** The same in the outside. */
  readonly outsideRun: (command: readonly string[], options?: CommandOptions) => Promise<string>;
  /** `mdocker ARGS` on a terminal of its own, 24 rows of 80: what is written to stdin is typed. */
  readonly terminal: (args: readonly string[], options?: CommandOptions) => Running;
  /** The mdocker command line as it would be started from anywhere: entering the namespaces first. */
  readonly commandLine: (args: readonly string[]) => string[];
}

export interface TestHostOptions {
  /** A root whose images this host has too: `sharedLabImage()`. Without it the host has none. */
  readonly image?: string | undefined;
  /** Where root and state are made. Default: /var/tmp, which is a real filesystem where /tmp may be a tmpfs. */
  readonly folder?: string | undefined;
  /** Shell lines for the new host's own mounts, run before anything else is there to see them. */
  readonly script?: string | undefined;
}

const program = join(home, "bin/mdocker");
const address = "192.0.2.1";
const outsideAddress = "192.0.2.2";

/** At most 8 of [a-z0-9], different for every host of every process that may run now. */
let serial = 0;
function uniquePrefix(): string {
  serial += 1;
  return `t${(process.pid % 36 ** 4).toString(36)}${serial.toString(36)}`.slice(0, 8);
}

/**
 * /sys shows the links of the network namespace it was mounted in: it is mounted again, with the cgroup hierarchies
 * carried over. `up0` leads to the outside, which knows no way back to any container. A new network namespace begins
 * with the machine's own settings: what other programs have made of them must not matter.
 */
function hostScript(outsidePid: number, carry: string): string {
  return `
mount --rbind /sys ${carry}
mount -t sysfs sysfs /sys
mount --rbind ${carry}/fs/cgroup /sys/fs/cgroup
umount -l ${carry}
ip link set lo up
echo 0 > /proc/sys/net/ipv4/ip_forward
ip link add up0 type veth peer name up0 netns ${outsidePid}
ip address add ${address}/30 dev up0
ip link set up0 up
nsenter --target ${outsidePid} --net ip address add ${outsideAddress}/30 dev up0
nsenter --target ${outsidePid} --net ip link set up0 up
ip route add default via ${outsideAddress}
`;
}

/** A throw-away host for longer use, with what takes it away again; `withTestHost` is for tests. */
export async function makeTestHost(
  options: TestHostOptions = {},
): Promise<{ host: TestHost; close: () => Promise<void> }> {
  const folder = mkdtempSync(join(options.folder ?? "/var/tmp", "mdocker-test-"));
  const root = join(folder, "root");
  const state = join(folder, "state");
  const carry = join(folder, "sys");
  for (const path of [root, state, carry]) mkdirSync(path, { mode: 0o700 });
  const outside = await makeNamespaces(["net"], "ip link set lo up");
  let inside: Namespaces;
  try {
    const share = options.image === undefined ? "" : shareScript(options.image, root);
    inside = await makeNamespaces(
      ["net", "mount"],
      hostScript(outside.pid, carry) + share + (options.script ?? ""),
    );
  } catch (error) {
    await outside.close();
    rmSync(folder, { recursive: true });
    throw error;
  }
  const place = { root, state, prefix: uniquePrefix(), enter: inside.enter };
  const env = {
    PATH: process.env["PATH"],
    HOME: folder,
    LANG: "C.UTF-8",
    TERM: "xterm",
    MDOCKER: program,
    MDOCKER_ROOT: root,
    MDOCKER_STATE: state,
    MDOCKER_PREFIX: place.prefix,
  };
  const commandLine = (args: readonly string[]) => [...inside.enter, program, ...args];
  const withEnv = (more: CommandOptions = {}): CommandOptions => ({ ...more, env: { ...env, ...more.env } });
  const host: TestHost = {
    place,
    fresh: await takeSnapshot(place),
    pid: inside.pid,
    address,
    outside: { address: outsideAddress, pid: outside.pid, enter: outside.enter },
    env,
    commandLine,
    mdocker: (args, more) => runCommand(commandLine(args), withEnv(more)),
    start: (args, more) => startCommand(commandLine(args), withEnv(more)),
    hostRun: (command, more) => outputOf([...inside.enter, ...command], withEnv(more)),
    outsideRun: (command, more) => outputOf([...outside.enter, ...command], withEnv(more)),
    terminal: (args, more) =>
      startCommand([...inside.enter, ...onTerminal([program, ...args])], withEnv(more)),
  };
  const close = async () => {
    await sweep(await takeSnapshot(place));
    await inside.close();
    await outside.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return { host, close };
}

/**
 * Runs `act` on a throw-away host and takes the host away again; afterwards no container may have left anything
 * behind: links, rules, mounts, cgroups, processes, files. A failure of `act` itself is reported first.
 */
export async function withTestHost<T>(
  act: (host: TestHost) => Promise<T>,
  options: TestHostOptions = {},
): Promise<T> {
  const { host, close } = await makeTestHost(options);
  try {
    const result = await act(host);
    await expectNothingLeft(host.fresh);
    return result;
  } finally {
    await close();
  }
}
