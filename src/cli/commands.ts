import type { Command } from "commander";
import type { Declaration } from "./option-row.ts";

/** Adds one command to the tree; `declaration` is given for a parse of real words. */
export type Register = (program: Command, declaration?: Declaration) => void;

/** Every command, in the order of the help text, with what loads its module: a start pays for its own only. */
export const commands: Readonly<Record<string, () => Promise<Register>>> = {
  run: async () => (await import("./run.ts")).registerRun,
  exec: async () => (await import("./exec.ts")).registerExec,
  create: async () => (await import("./create.ts")).registerCreate,
  start: async () => (await import("./start.ts")).registerStart,
  restart: async () => (await import("./restart.ts")).registerRestart,
  attach: async () => (await import("./attach.ts")).registerAttach,
  ps: async () => (await import("./ps.ts")).registerPs,
  top: async () => (await import("./top.ts")).registerTop,
  lsof: async () => (await import("./lsof.ts")).registerLsof,
  verify: async () => (await import("./verify.ts")).registerVerify,
  audit: async () => (await import("./audit.ts")).registerAudit,
  logs: async () => (await import("./logs.ts")).registerLogs,
  trace: async () => (await import("./trace.ts")).registerTrace,
  stats: async () => (await import("./stats.ts")).registerStats,
  limits: async () => (await import("./limits.ts")).registerLimits,
  inspect: async () => (await import("./inspect.ts")).registerInspect,
  port: async () => (await import("./port.ts")).registerPort,
  cp: async () => (await import("./cp.ts")).registerCp,
  export: async () => (await import("./export.ts")).registerExport,
  diff: async () => (await import("./diff.ts")).registerDiff,
  stop: async () => (await import("./stop.ts")).registerStop,
  pause: async () => (await import("./pause.ts")).registerPause,
  unpause: async () => (await import("./pause.ts")).registerUnpause,
  wait: async () => (await import("./wait.ts")).registerWait,
  update: async () => (await import("./update.ts")).registerUpdate,
  rename: async () => (await import("./rename.ts")).registerRename,
  kill: async () => (await import("./kill.ts")).registerKill,
  rm: async () => (await import("./rm.ts")).registerRm,
  prune: async () => (await import("./prune.ts")).registerPrune,
  events: async () => (await import("./events.ts")).registerEvents,
  seccomp: async () => (await import("./seccomp.ts")).registerSeccomp,
  gc: async () => (await import("./gc.ts")).registerGc,
  image: async () => (await import("./image.ts")).registerImage,
  volume: async () => (await import("./volume.ts")).registerVolume,
  network: async () => (await import("./network.ts")).registerNetwork,
  lab: async () => (await import("./lab.ts")).registerLab,
  info: async () => (await import("./info.ts")).registerInfo,
  doctor: async () => (await import("./doctor.ts")).registerDoctor,
  supervisor: async () => (await import("./supervisor.ts")).registerSupervisor,
  version: async () => (await import("./version.ts")).registerVersion,
  completion: async () => (await import("./completion.ts")).registerCompletion,
  man: async () => (await import("./man.ts")).registerMan,
};

/** Commands that are about all the others: they need the whole tree. */
export const treeCommands: ReadonlySet<string> = new Set(["help", "completion", "man"]);

/** Adds every command, with all options: for help, completion and the man page. */
export async function registerAll(program: Command): Promise<void> {
  for (const load of Object.values(commands)) (await load())(program);
}
