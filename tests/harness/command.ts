import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";

/** How a command ended and what it said. */
export interface Result {
  /** Exit code; 128+n after signal n, as a shell shows it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly cwd?: string | undefined;
  /** Written to stdin, which is then closed; without it stdin is at its end at once. */
  readonly input?: string | Uint8Array | undefined;
  /** After so many milliseconds the command is killed and its output so far becomes the error. Default 50 s. */
  readonly deadline?: number | undefined;
}

/** A command that is running: its streams, and a promise of its end. */
export interface Running {
  readonly pid: number;
  readonly child: ChildProcessWithoutNullStreams;
  /** What it has said so far. */
  readonly output: () => string;
  /** Resolves as soon as the output so far matches; rejects with that output if the command ends without it. */
  readonly says: (pattern: RegExp) => Promise<RegExpExecArray>;
  readonly ended: Promise<Result>;
}

const signalNumbers: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGKILL: 9,
  SIGPIPE: 13,
  SIGTERM: 15,
};

/** Starts `command` (no shell) with pipes for its three streams; stdin stays open until the caller ends it. */
export function startCommand(command: readonly string[], options: CommandOptions = {}): Running {
  const [program = "", ...args] = command;
  const child = spawn(program, args, { env: options.env, cwd: options.cwd, stdio: ["pipe", "pipe", "pipe"] });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const both: Buffer[] = [];
  const output = () => Buffer.concat(both).toString();
  child.stdout.on("data", (chunk: Buffer) => {
    out.push(chunk);
    both.push(chunk);
  });
  child.stderr.on("data", (chunk: Buffer) => {
    err.push(chunk);
    both.push(chunk);
  });
  // A command may end before it has read all its input: that is no failure of ours.
  child.stdin.on("error", () => undefined);

  const deadline = options.deadline ?? (process.env["VMRUN"] === undefined ? 50_000 : 200_000);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, deadline);
  const ended = new Promise<Result>((resolve, reject) => {
    child.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      if (late) reject(new Error(`${command.join(" ")}: still running after ${deadline} ms:\n${output()}`));
      else {
        resolve({
          code: code ?? 128 + (signalNumbers[signal ?? ""] ?? 0),
          stdout: Buffer.concat(out).toString(),
          stderr: Buffer.concat(err).toString(),
        });
      }
    });
  });
  // Whoever awaits it gets the rejection; nobody has to.
  ended.catch(() => undefined);

  const says = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const look = () => {
        const found = pattern.exec(output());
        if (found === null) return;
        child.stdout.off("data", look);
        child.stderr.off("data", look);
        resolve(found);
      };
      child.stdout.on("data", look);
      child.stderr.on("data", look);
      ended.then(
        () => reject(new Error(`${command.join(" ")}: ended without saying ${pattern}:\n${output()}`)),
        reject,
      );
      look();
    });
  return { pid: child.pid ?? 0, child, output, says, ended };
}

/** Runs `command` (no shell) to its end; a failure is a result, not an exception. */
export function runCommand(command: readonly string[], options: CommandOptions = {}): Promise<Result> {
  const running = startCommand(command, options);
  running.child.stdin.end(options.input ?? "");
  return running.ended;
}

/**
 * Runs `command` and returns its stdout.
 * @throws Error with its stderr when it does not end with 0.
 */
export async function outputOf(command: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await runCommand(command, options);
  if (code !== 0) throw new Error(`${command.join(" ")}: exit code ${code}: ${stderr}${stdout}`);
  return stdout;
}
