import { existsSync } from "node:fs";
import { join } from "node:path";
import { SetupError, UsageError } from "../src/core/errors.ts";
import { keepingStdioFlags } from "../src/sys/stdio.ts";
import type { Table } from "./rules.ts";

/** Which of the kernel's two packet filters iptables drives, and by which programs. */
export interface Backend {
  readonly name: "nft" | "legacy";
  /** `1.8.9`. */
  readonly version: string;
}

/** The programs of one backend. */
export interface Iptables {
  /** `iptables`, `iptables-nft` or `iptables-legacy`. */
  readonly program: string;
  /** The rules of a table as iptables-save prints them; empty for a table that nobody has used yet. */
  readonly save: (table: Table) => string;
  /** Applies lines to a table, all or none, without touching what they do not name. */
  readonly restore: (table: Table, lines: readonly string[]) => void;
  /** The backend's name and version. */
  readonly identify: () => Backend;
}

/** Whom to run: an explicit choice in MDOCKER_IPTABLES (`nft` or `legacy`), else what the host calls `iptables`. */
function chosenProgram(env: NodeJS.ProcessEnv): string {
  const choice = env["MDOCKER_IPTABLES"];
  if (choice === undefined || choice === "") return "iptables";
  if (choice === "nft" || choice === "legacy") return `iptables-${choice}`;
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
 * Finds iptables. The programs are run synchronously: rules change under a lock, during which nothing may be awaited.
 * @throws SetupError that names the package when it is not installed; UsageError for an unknown choice.
 */
export async function openIptables(env: NodeJS.ProcessEnv = process.env): Promise<Iptables> {
  const program = chosenProgram(env);
  // Users' shells often lack the sbin folders.
  const folders = [...(env["PATH"] ?? "").split(":"), "/usr/sbin", "/sbin"].filter((it) =>
    it.startsWith("/"),
  );
  const paths = {
    iptables: findProgram(program, folders),
    save: findProgram(`${program}-save`, folders),
    restore: findProgram(`${program}-restore`, folders),
  };
  const { execaSync } = await keepingStdioFlags(() => import("execa"));
  const run = (path: string, args: readonly string[], input = ""): string => {
    const result = execaSync(path, args, { input, reject: false, stripFinalNewline: false });
    if (result.failed) {
      const said = result.stderr.trim().split("\n").join("; ") || result.shortMessage || "failed";
      throw new SetupError(`${[path, ...args].join(" ")}: ${said}${input === "" ? "" : `; input: ${input}`}`);
    }
    return result.stdout;
  };
  return {
    program,
    save: (table) => run(paths.save, ["-t", table]),
    restore: (table, lines) => {
      run(paths.restore, ["--noflush", "-w"], `*${table}\n${lines.join("\n")}\nCOMMIT\n`);
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
export async function detectBackend(env: NodeJS.ProcessEnv = process.env): Promise<Backend> {
  return (await openIptables(env)).identify();
}
