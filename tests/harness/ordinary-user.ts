import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { vi } from "vitest";
import { home } from "../../src/core/home.ts";
import { type CommandOptions, type Result, type Running, runCommand, startCommand } from "./command.ts";
import { makeTestHost, type TestHost } from "./host.ts";
import { expectNothingLeft } from "./snapshot.ts";

/** Somebody without any privilege on a throw-away host. */
export interface OrdinaryUser {
  readonly uid: number;
  /** XDG_RUNTIME_DIR. */
  readonly runtime: string;
  readonly mdocker: (args: readonly string[], options?: CommandOptions) => Promise<Result>;
  readonly start: (args: readonly string[], options?: CommandOptions) => Running;
  /** Any command, as this user. */
  readonly run: (command: readonly string[], options?: CommandOptions) => Promise<Result>;
  /** `mdocker ARGS`, begun by a shell that first runs `script` as root. */
  readonly inside: (script: string, args: readonly string[]) => Promise<Result>;
  /** Ends all that the user has running, and waits for that. */
  readonly end: () => Promise<void>;
  /** Processes of the user and of the ids that are the user's to map: names by pid. */
  readonly processes: () => ReadonlyMap<number, string>;
}

/** What a user is to have. */
export interface UserOptions {
  /** False: no range in /etc/subuid and /etc/subgid. */
  readonly ids?: boolean;
  readonly env?: NodeJS.ProcessEnv;
}

let serial = 0;
/** Ids that nobody else has: not of this machine's users, nor of another test that runs now. */
function uniqueUid(): number {
  serial += 1;
  return 100_000 + (process.pid % 50_000) * 10 + serial;
}

/** The first of the ids that a user may map, below 2^32. */
export const firstId = (uid: number): number => 600_000_000 + (uid % 30_000) * 100_000;

function processesOf(uid: number): Map<number, string> {
  const found = new Map<number, string>();
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      const owner = statSync(`/proc/${name}`).uid;
      const status = readFileSync(`/proc/${name}/status`, "utf8");
      const real = Number(/^Uid:\s*(\d+)/m.exec(status)?.[1]);
      const mine = [owner, real].some(
        (id) => id === uid || (id >= firstId(uid) && id < firstId(uid) + 65_536),
      );
      // Who has ended and waits for its parent does nothing any more.
      if (mine && !/^State:\s*Z/m.test(status))
        found.set(Number(name), /^Name:\s*(.*)$/m.exec(status)?.[1] ?? "");
    } catch {
      // It has gone.
    }
  }
  return found;
}

/** Lines of the host's own files, with the users of a test added; covered in the host's mounts, never written. */
function coverScript(folder: string): string {
  const cover = (file: string): string => `mount --bind ${folder}${file} ${file}\n`;
  return `
mkdir -p ${folder}/program
mount --bind ${home} ${folder}/program
${["/etc/passwd", "/etc/group", "/etc/subuid", "/etc/subgid"].map(cover).join("")}
mknod ${folder}/tun c 10 200
chmod 666 ${folder}/tun
[ ! -e /dev/net/tun ] || mount --bind ${folder}/tun /dev/net/tun
`;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/**
 * Runs `act` with as many ordinary users as `wanted` says, on a throw-away host that has a way to the outside. Afterwards
 * no process of theirs is there, and the host is what it was. Their namespaces end with what runs in them.
 */
export async function withOrdinaryUsers<T>(
  wanted: readonly UserOptions[],
  act: (users: readonly OrdinaryUser[], host: TestHost) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync("/var/tmp/mdocker-user-");
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, "etc"));
  const uids = wanted.map(uniqueUid);
  const lines = (line: (uid: number) => string): string => uids.map(line).join("");
  const ranges = lines((uid) =>
    wanted[uids.indexOf(uid)]?.ids === false ? "" : `u${uid}:${firstId(uid)}:65536\n`,
  );
  const files: Readonly<Record<string, string>> = {
    passwd: textOf("/etc/passwd") + lines((uid) => `u${uid}:x:${uid}:${uid}::${folder}/${uid}:/bin/sh\n`),
    group: textOf("/etc/group") + lines((uid) => `u${uid}:x:${uid}:\n`),
    subuid: ranges,
    subgid: ranges,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, "etc", name), text);
  for (const uid of uids) {
    for (const path of ["", "run", "work"].map((name) => join(folder, String(uid), name))) {
      mkdirSync(path, { mode: 0o700 });
      chownSync(path, uid, uid);
    }
  }
  const { host, close } = await makeTestHost({ script: coverScript(folder) });
  const users = uids.map((uid, at): OrdinaryUser => {
    const runtime = join(folder, String(uid), "run");
    const env = {
      PATH: process.env["PATH"],
      HOME: join(folder, String(uid)),
      XDG_RUNTIME_DIR: runtime,
      LANG: "C.UTF-8",
      TERM: "xterm",
      MDOCKER_ROOTLESS_IDLE: "1",
      ...wanted[at]?.env,
    };
    const identity = ["--reuid", String(uid), "--regid", String(uid), "--clear-groups", "--inh-caps=-all"];
    const become = [
      ...host.place.enter,
      "setpriv",
      ...identity,
      "env",
      "-C",
      join(folder, String(uid), "work"),
    ];
    const program = join(folder, "program/bin/mdocker");
    const withEnv = (more: CommandOptions = {}): CommandOptions => ({
      ...more,
      env: { ...env, ...more.env },
    });
    const user: OrdinaryUser = {
      uid,
      runtime,
      inside: (script, args) =>
        runCommand(
          [
            ...host.place.enter,
            "sh",
            "-ec",
            `${script}; exec "$@"`,
            "sh",
            ...become.slice(host.place.enter.length),
            program,
            ...args,
          ],
          withEnv(),
        ),
      end: () => endOf(user),
      mdocker: (args, more) => runCommand([...become, program, ...args], withEnv(more)),
      start: (args, more) => startCommand([...become, program, ...args], withEnv(more)),
      run: (command, more) => runCommand([...become, ...command], withEnv(more)),
      processes: () => processesOf(uid),
    };
    return user;
  });
  try {
    const result = await act(users, host);
    for (const user of users) await endOf(user);
    await expectNothingLeft(host.fresh);
    return result;
  } finally {
    for (const user of users) killAll(user);
    await close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function killAll({ processes }: OrdinaryUser): void {
  for (let left = processes(); left.size > 0; left = processes()) {
    for (const pid of left.keys()) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has gone by itself.
      }
    }
  }
}

/** Ends the supervisor, if there is one; then nobody is left, the holder of the namespaces included. */
async function endOf({ processes, runtime }: OrdinaryUser): Promise<void> {
  for (const [pid, name] of processes()) if (/^(node|MainThread)/.test(name)) process.kill(pid, "SIGTERM");
  await vi.waitFor(
    () => {
      const left = [...processes().values()];
      if (left.length > 0) throw new Error(`still running: ${left.join(", ")}`);
    },
    { timeout: 60_000, interval: 50 },
  );
  const sockets = readdirSync(join(runtime, "mdocker/holder")).filter((name) => name.startsWith("socket"));
  if (sockets.length > 0) throw new Error(`left behind: ${sockets.join(", ")}`);
}
