import { text } from "../../src/program/data.ts";
import { type Program, ProgramBuilder, type Step } from "../../src/program/step.ts";

/*
 * mdocker without some of what protects it: node unprotected.js PROTECTION[,PROTECTION...] ARGUMENT... Every container is
 * set up by a program of steps (src/program); here the steps that protect are made to do nothing, and all else is as it
 * is. A test that an attack is refused shows with it that it would see the attack succeed.
 */

const PR_GET_DUMPABLE = 3;
const nothing = (step: Step): Step => ({
  ...step,
  kind: "syscall",
  call: "prctl",
  args: [PR_GET_DUMPABLE],
  save: undefined,
});

const O_DIRECTORY = 0o200000;
const O_NOFOLLOW = 0o400000;

/** What a step is without a protection; undefined when it has nothing to do with it. */
const protections: Readonly<Record<string, (step: Step) => Step | undefined>> = {
  descriptors: (step) => (step.call === "close_range" ? nothing(step) : undefined),
  // Not a protection less but a mistake more, that of CVE-2024-21626: a directory of the host stays open.
  "no-leaks": (step) =>
    step.text().includes('"mdocker-init"') && step.text().includes("PR_SET_NAME")
      ? { ...nothing(step), call: "openat", args: [-100, text("/"), O_DIRECTORY] }
      : undefined,
  "working-directory": (step) =>
    step.reason.startsWith("the working directory lies inside") ? nothing(step) : undefined,
  dumpable: (step) => (step.text().startsWith("prctl(PR_SET_DUMPABLE") ? nothing(step) : undefined),
  "pinned-null": (step) =>
    step.call === "mount" && step.text().includes('"/proc/self/fd/202"')
      ? { ...step, args: [text("/dev/null"), ...step.args.slice(1)] }
      : undefined,
  procfs: (step) => (step.text().includes("PROC_SUPER_MAGIC") ? nothing(step) : undefined),
  "real-directories": (step) => {
    if (!step.label.endsWith("of the image must be a directory")) return undefined;
    const [at = 0, path = 0, flags = 0, mode = 0] = step.args;
    return { ...step, args: [at, path, Number(flags) & ~(O_DIRECTORY | O_NOFOLLOW), mode] };
  },
};

const [words = "", ...args] = process.argv.slice(2);
const removed = words.split(",").map((word) => {
  const protection = protections[word];
  if (protection === undefined)
    throw new Error(`${word}: expected some of ${Object.keys(protections).join(", ")}`);
  return protection;
});

const build = ProgramBuilder.prototype.build;
ProgramBuilder.prototype.build = function (settings): Program {
  const program = build.call(this, settings);
  const weaken = (steps: readonly Step[]): Step[] =>
    steps.map((step) => removed.map((without) => without(step)).find((other) => other !== undefined) ?? step);
  const { launch, child, command, after, alone } = program.parts;
  return {
    ...program,
    parts: {
      launch: weaken(launch),
      child: weaken(child),
      command: weaken(command),
      after: weaken(after),
      alone: weaken(alone),
    },
  };
};
process.argv.splice(2, process.argv.length, ...args);
await import("../../src/main.ts");
