import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { runContainer } from "../../container/run.ts";
import { writeFileAtomic } from "../../core/atomic.ts";
import { SetupError, UsageError } from "../../core/errors.ts";
import type { OciSeccomp } from "../../core/oci.ts";
import { parseSeccompProfile } from "../../security/seccomp/profile.ts";
import { type RecordedCall, recordedProfile } from "../../security/seccomp/recorded.ts";
import { resolveProfile } from "../../security/seccomp/resolve.ts";
import { readProfile } from "../../security/seccomp/source.ts";
import { type Declaration, declareOptions, readFlags } from "../option-row.ts";
import { say } from "../output.ts";
import { requireRoot } from "../privilege.ts";
import { instanceOf } from "../program.ts";
import { createOptions } from "../run-options.ts";
import { buildRequest, configured, wordsAfter } from "../run-request.ts";
import { hostView } from "../this-host.ts";
import { hasStrace, runStrace } from "../trace/strace.ts";

/** Counts what the command and its children call, from its execve on. */
export class Recorder {
  readonly calls: Map<string, RecordedCall> = new Map();
  readonly #init: number;
  #begun = false;

  /** `init` is the container's own first process, whose calls are mdocker's. */
  constructor(init: number) {
    this.#init = init;
  }

  add(call: { readonly pid: number; readonly name: string; readonly errno?: string | undefined }): void {
    if (call.pid === this.#init) return;
    const { name, errno } = call;
    // What comes before are the steps by which the process has become the command.
    if (!this.#begun && (name !== "execve" || errno !== undefined)) return;
    this.#begun = true;
    const before = this.calls.get(name) ?? { calls: 0, refused: 0, missing: 0 };
    this.calls.set(name, {
      calls: before.calls + 1,
      refused: before.refused + (errno === "EPERM" ? 1 : 0),
      missing: before.missing + (errno === "ENOSYS" ? 1 : 0),
    });
  }
}

/** Waits until a process is traced, or `over`. */
async function awaitTracer(pid: number, over: () => boolean): Promise<void> {
  while (!over() && !/^TracerPid:\t[1-9]/m.test(readFileSync(`/proc/${pid}/status`, "utf8")))
    await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Runs the container with a strace on it from before its command begins; what was called, and the exit code. */
async function record(
  instance: ReturnType<typeof instanceOf>,
  request: Parameters<typeof runContainer>[1],
): Promise<{ readonly recorder: Recorder | undefined; readonly code: number }> {
  const abort = new AbortController();
  let recorder: Recorder | undefined;
  let tracing: Promise<void> | undefined;
  let failed = false;
  const beforeGo = async (init: number): Promise<void> => {
    const counting = new Recorder(request.init ? init : -1);
    recorder = counting;
    tracing = runStrace({ pids: [init], onCall: (call) => counting.add(call), abort: abort.signal });
    tracing.catch(() => {
      failed = true;
    });
    await awaitTracer(init, () => failed);
    if (failed) await tracing;
  };
  try {
    const code = await runContainer(instance, request, { say, beforeGo });
    // The processes have ended, and strace with them.
    await tracing;
    return { recorder, code };
  } finally {
    abort.abort();
    await tracing?.catch(() => undefined);
  }
}

/** The default profile for who has no capability, whose conditions a recorded one keeps. */
function usualProfile(): OciSeccomp {
  const kernel = readFileSync("/proc/sys/kernel/osrelease", "utf8").trim();
  const text = readProfile({ kind: "default" });
  return resolveProfile(parseSeccompProfile(text, "default"), { caps: [], arch: process.arch, kernel });
}

/** Adds `seccomp record`. */
export function registerRecord(group: Command, declaration?: Declaration): void {
  const command = group
    .command("record")
    .summary("make a profile from what a command really calls")
    .description(
      "Runs a command in a new container, as `run` does and with its flags, and writes a seccomp profile that lets " +
        "through the system calls that were made, and no other. Needs strace(1). Calls that a run does not make - of " +
        "another configuration, of an error that did not happen - are not in it: record a run that does everything.",
    )
    .usage("-o FILE [flags] [IMAGE|--rootfs DIR] [--] COMMAND [ARG...]")
    .helpOption("--help", "show help")
    .passThroughOptions()
    .option("-o, --output <file>", "the profile to be written")
    .argument("[words...]")
    .action(async (words: string[]) => {
      const file = command.opts<{ readonly output?: string }>().output;
      if (file === undefined)
        throw new UsageError("seccomp record: expected -o FILE, where the profile is to be written");
      const view = await hostView();
      const flags = readFlags(command);
      const [said, given] = await configured(flags, wordsAfter(words, declaration?.words ?? []), view);
      const request = await buildRequest(said, given, view);
      if (request.detached === true)
        throw new UsageError("seccomp record: leave out -d: it watches to the end");
      requireRoot("seccomp record ...");
      if (!(await hasStrace()))
        throw new SetupError("seccomp record needs strace (Debian: apt-get install strace)");
      const { recorder, code } = await record(instanceOf(command), request);
      process.exitCode = code;
      if (recorder === undefined || recorder.calls.size === 0)
        throw new SetupError("seccomp record: no system call of the command was seen");
      const own = request.securityOptions.some((option) => /^seccomp[=:]/.test(option));
      const profile = recordedProfile(recorder.calls, own ? undefined : usualProfile(), process.arch);
      writeFileAtomic(file, Buffer.from(`${JSON.stringify(profile, null, 2)}\n`));
      say(`${file}: ${recorder.calls.size} system calls; use it by --security-opt seccomp=${file}`);
    });
  declareOptions(command, createOptions, { words: [], all: true });
}
