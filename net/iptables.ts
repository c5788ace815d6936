import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { SetupError, UsageError } from "../src/core/errors.ts";
import { type Family, type Table, tables } from "./chain.ts";

/** Which of the kernel's two packet filters iptables drives, and by which programs. */
export interface Backend {
  readonly name: "nft" | "legacy";
  /** `1.8.9`. */
  readonly version: string;
}

/** Lines for iptables-restore, by the table that they are for. */
export type Changes = Readonly<Partial<Record<Table, readonly string[]>>>;

/** The programs of one backend and one address family. */
export interface Iptables {
  /** `iptables`, `ip6tables-nft`... */
  readonly program: string;
  readonly family: Family;
  /** All tables as iptables-save prints them; a table that nobody has used yet may be missing. */
  readonly save: () => string;
  /** Applies lines by one process, table by table: each all or none, without touching what it does not name. */
  readonly restore: (changes: Changes) => void;
  /** The backend's name and version. */
  readonly identify: () => Backend;
}

/** Whom to run: an explicit choice in MDOCKER_IPTABLES (`nft` or `legacy`), else what the host calls `iptables`. */
function chosenProgram(family: Family, env: NodeJS.ProcessEnv): string {
  const program = family === 4 ? "iptables" : "ip6tables";
  const choice = env["MDOCKER_IPTABLES"];
  if (choice === undefined || choice === "") return program;
  if (choice === "nft" || choice === "legacy") return `${program}-${choice}`;
  throw new UsageError(`MDOCKER_IPTABLES: ${choice}: expected nft or legacy`);
}

/** The first of the folders' programs of that name. @throws SetupError that names the package when there is none. */
export function findProgram(program: string, folders: readonly string[]): string {
  const path = folders.map((folder) => join(folder, program)).find((it) => existsSync(it));
  if (path === undefined)
    throw new SetupError(`${program} is not installed (Debian: apt-get install iptables)`);
  return path;
}

/**
 * Not by execa: that takes a look at our own standard streams when it is loaded, and so makes them non-blocking, which
 * the container that has them too would feel (read(2) on its stdin fails with EAGAIN).
 */
function run(path: string, args: readonly string[], input = ""): string {
  const maxBuffer = 256 * 1024 * 1024;
  const { status, signal, error, stdout, stderr } = spawnSync(path, args, {
    input,
    encoding: "utf8",
    maxBuffer,
  });
  if (status === 0 && error === undefined) return stdout;
  const how = error?.message ?? (signal === null ? `exit code ${status}` : `ended by ${signal}`);
  const said = (stderr ?? "").trim().split("\n").join("; ") || how;
  throw new SetupError(`${[path, ...args].join(" ")}: ${said}${input === "" ? "" : `; input: ${input}`}`);
}

/** The input of iptables-restore for these changes. */
function restoreInput(changes: Changes): string {
  return tables
    .filter((table) => (changes[table] ?? []).length > 0)
    .map((table) => `*${table}\n${(changes[table] ?? []).join("\n")}\nCOMMIT\n`)
    .join("");
}

/**
 * Finds iptables. The programs are run synchronously: rules change under a lock, during which nothing may be awaited.
 * @throws SetupError that names the package when it is not installed; UsageError for an unknown choice.
 */
export function openIptables(family: Family = 4, env: NodeJS.ProcessEnv = process.env): Iptables {
  const program = chosenProgram(family, env);
  // Users' shells often lack the sbin folders.
  const folders = [...(env["PATH"] ?? "").split(":"), "/usr/sbin", "/sbin"].filter((it) =>
    it.startsWith("/"),
  );
  const paths = {
    iptables: findProgram(program, folders),
    save: findProgram(`${program}-save`, folders),
    restore: findProgram(`${program}-restore`, folders),
  };
  return {
    program,
    family,
    save: () => run(paths.save, []),
    restore: (changes) => {
      const input = restoreInput(changes);
      if (input !== "") run(paths.restore, ["--noflush", "-w"], input);
    },
    identify: () => {
      const text = run(paths.iptables, ["-V"]);
      const match = /v([\d.]+)(?: \((nf_tables|legacy)\))?/.exec(text);
      if (match === null) throw new SetupError(`${paths.iptables} -V: expected a version, found ${text}`);
      // Before 1.8 there was only the one that is called legacy now.
      return { name: match[2] === "nf_tables" ? "nft" : "legacy", version: match[1] ?? "" };
    },
  };
}

/**
 * The backend that will be used, for those who want to know.
 * @throws SetupError, UsageError as {@link openIptables}.
 */
export function detectBackend(env: NodeJS.ProcessEnv = process.env): Backend {
  return openIptables(4, env).identify();
}
