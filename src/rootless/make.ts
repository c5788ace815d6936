import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { SetupError } from "../core/errors.ts";
import { builtFile } from "../core/home.ts";
import { pause } from "../core/pause.ts";
import { socketPair } from "../sys/socket.ts";
import { reap, spawnProcess } from "../sys/spawn.ts";
import { mapIds } from "./ids.ts";
import { type WayOut, waysOut } from "./outside.ts";
import type { HolderPlace } from "./place.ts";

/** Seconds that namespaces stay in which nothing runs; MDOCKER_ROOTLESS_IDLE says otherwise. */
const usualIdle = 60;
/** How long the way to the outside may take to be there, in ms. */
const patienceMs = 5000;

const types = ["user", "mnt", "net"] as const;

/** What was made. */
export interface MadeHolder {
  readonly pid: number;
  /** What the user should know. */
  readonly notes: readonly string[];
}

/** The ladder of init/holder.c, from the starter's side. */
class Ladder implements Disposable {
  readonly #fd: number;
  #open = true;
  constructor(fd: number) {
    this.#fd = fd;
  }
  /** One line; undefined when the holder has ended. */
  hear(): number | undefined {
    let line = "";
    const byte = Buffer.alloc(1);
    while (!line.endsWith("\n")) {
      if (readSync(this.#fd, byte) === 0) return undefined;
      line += byte.toString("latin1");
    }
    return Number(line);
  }
  say(word: "m" | "s"): void {
    writeSync(this.#fd, word);
  }
  [Symbol.dispose](): void {
    if (this.#open) closeSync(this.#fd);
    this.#open = false;
  }
}

/** Which namespaces a process is in; undefined when it has gone or is another's. */
function namespacesOf(pid: number | string): string | undefined {
  try {
    return types.map((type) => readlinkSync(`/proc/${pid}/ns/${type}`)).join("\n");
  } catch {
    return undefined;
  }
}

/** A process that still is in namespaces whose holder has gone: a container's monitor, the supervisor, a command. */
function findSurvivor(place: HolderPlace): number {
  let known: string;
  try {
    known = readFileSync(place.namespaces, "utf8");
  } catch {
    return 0;
  }
  const pid = readdirSync("/proc").find((name) => /^\d+$/.test(name) && namespacesOf(name) === known);
  return Number(pid ?? 0);
}

/** Waits until there is a route to the outside; false when the program that should make one has ended instead. */
function awaitRoute(pid: number, program: number): boolean {
  const deadline = Date.now() + patienceMs;
  const hasRoute = (): boolean =>
    ["route", "ipv6_route"].some((file) =>
      readFileSync(`/proc/${pid}/net/${file}`, "utf8")
        .split("\n")
        .some((line) => /^\S+\t00000000\t(?!00000000)/.test(line) || /^0{32} 00 .* (?!lo)\S+$/.test(line)),
    );
  while (Date.now() < deadline) {
    if (hasRoute()) return true;
    try {
      process.kill(program, 0);
    } catch {
      return false;
    }
    pause(5);
  }
  return false;
}

/** Why the kernel made no namespaces. */
function whyRefused(errno: number): string {
  const why: Readonly<Record<number, string>> = {
    1: "EPERM: this host lets no ordinary user make a user namespace",
    28: "ENOSPC: no more user namespaces are allowed (sysctl user.max_user_namespaces)",
    22: "EINVAL: this kernel has no user namespaces",
  };
  return why[errno] ?? `clone: errno ${errno}`;
}

/** Starts init/holder.c with `args`, at the first rung; what it has to complain goes to `log`, a file descriptor. */
function spawnHolder(
  args: readonly string[],
  log?: number,
): { readonly pid: number; readonly ladder: Ladder } {
  const [ours, theirs] = socketPair();
  try {
    const pid = spawnProcess({
      path: builtFile(`holder-${process.arch}`),
      argv: ["mdocker-holder", ...args],
      fds: new Map([[0, theirs], [1, theirs], ...(log === undefined ? [] : [[2, log] as const])]),
    });
    return { pid, ladder: new Ladder(ours) };
  } catch (error) {
    closeSync(ours);
    throw error;
  } finally {
    closeSync(theirs);
  }
}

/** Makes namespaces and lets them go at once: undefined when that works, else why it does not. */
export function tryNamespaces(): string | undefined {
  const { pid, ladder } = spawnHolder(["/nowhere", "0", "0"]);
  const first = ladder.hear();
  ladder[Symbol.dispose]();
  reap(pid, false);
  if (first === undefined) return "the holder of the namespaces did not start";
  return first < 0 ? whyRefused(-first) : undefined;
}

function lastLine(log: string): string {
  return readFileSync(log, "utf8").trim().split("\n").at(-1) ?? "";
}

/** What there is to say about the way to the outside. */
function noteOfWay(ways: readonly WayOut[], env: NodeJS.ProcessEnv): string[] {
  const wanted = env["MDOCKER_OUTSIDE"];
  if (ways.length > 0 || wanted === "none") return [];
  const missing =
    wanted === undefined || wanted === ""
      ? "neither pasta (package passt) nor slirp4netns is installed"
      : `MDOCKER_OUTSIDE: ${wanted} is not installed, or is none of pasta, slirp4netns and none`;
  return [`${missing}: containers reach each other, not the outside`];
}

function noteOfIds(single: string | undefined): string[] {
  return single === undefined
    ? []
    : [`one user id only, as ${single}: containers have no user but root (mdocker doctor --rootless)`];
}

/**
 * Starts the holder of new namespaces, or of those that a survivor of the last ones is in.
 * @throws SetupError
 */
export function makeHolder(place: HolderPlace, env: NodeJS.ProcessEnv): MadeHolder {
  const ways = waysOut(env);
  const failures: string[] = [];
  // Once: what is given up below must not be found.
  const survivor = findSurvivor(place);
  for (const way of [...ways, undefined]) {
    const { led, ...made } = startHolder(place, env, { way, survivor });
    if (led || way === undefined) {
      const notes = [...made.notes, ...failures.slice(0, led ? 0 : 1), ...noteOfWay(ways, env)];
      return { pid: made.release(), notes };
    }
    made.giveUp();
    failures.push(
      `${way.name} leads to no outside: containers reach each other only: ${lastLine(place.log)}`,
    );
  }
  throw new Error("the last way is none");
}

/** A holder that waits for our word. */
interface StartedHolder {
  /** There is a way to the outside. */
  readonly led: boolean;
  readonly notes: readonly string[];
  /** Lets it serve; its pid. */
  readonly release: () => number;
  /** Ends it. */
  readonly giveUp: () => void;
}

function startHolder(
  place: HolderPlace,
  env: NodeJS.ProcessEnv,
  { way, survivor }: { readonly way: WayOut | undefined; readonly survivor: number },
): StartedHolder {
  const idle = env["MDOCKER_ROOTLESS_IDLE"];
  const seconds = /^\d{1,6}$/.test(idle ?? "") ? String(idle) : String(usualIdle);
  const log = openSync(place.log, "w", 0o600);
  let started: ReturnType<typeof spawnHolder>;
  try {
    started = spawnHolder([place.socket, seconds, String(survivor), ...(way?.command ?? [])], log);
  } finally {
    closeSync(log);
  }
  const { pid: holder, ladder } = started;
  const gone = (): never => {
    throw new SetupError(`rootless: the holder of the namespaces did not start: ${lastLine(place.log)}`);
  };
  const first = ladder.hear() ?? gone();
  if (first < 0)
    throw new SetupError(`rootless: ${whyRefused(-first)}: see mdocker doctor --rootless, or use sudo`);
  const single = survivor === 0 ? mapIds(first) : undefined;
  writeFileSync(place.namespaces, namespacesOf(first) ?? "", { mode: 0o600 });
  ladder.say("m");
  const program = ladder.hear() ?? gone();
  const led = way !== undefined && program > 0 && awaitRoute(first, program);
  if (led && way !== undefined) writeFileSync(place.resolvConf, resolvConf(way), { mode: 0o644 });
  else if (survivor === 0) rmSync(place.resolvConf, { force: true });
  return {
    led,
    notes: noteOfIds(single),
    release: () => {
      ladder.say("s");
      const pid = ladder.hear() ?? gone();
      ladder[Symbol.dispose]();
      return pid;
    },
    giveUp: () => {
      ladder[Symbol.dispose]();
      reap(holder, false);
    },
  };
}

/** The host's /etc/resolv.conf with the name server that is reached from inside. */
function resolvConf({ nameServer }: WayOut): string {
  let host = "";
  try {
    host = readFileSync("/etc/resolv.conf", "utf8");
  } catch {
    // None: no search domains.
  }
  const kept = host.split("\n").filter((line) => /^\s*(search|domain|options)\s/.test(line));
  return [`nameserver ${nameServer}`, ...kept, ""].join("\n");
}
