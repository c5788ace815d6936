import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { insideNetns } from "../../src/sys/namespaces.ts";
import { AF_INET, type Family } from "../netlink/ip.ts";
import { type BackendName, parseRuleset, type SavedTable } from "./firewall/ruleset.ts";
import { parseForeign } from "./foreign.ts";
import type { ForeignChain } from "./station.ts";

const folders = ["/usr/sbin", "/sbin", "/usr/bin", "/usr/local/sbin"];

function find(program: string): string | undefined {
  return folders.map((folder) => `${folder}/${program}`).find((path) => existsSync(path));
}

/** What a program prints in the network namespace; undefined when it fails or is not there. */
function printed(netns: number, program: string, args: readonly string[]): Promise<string | undefined> {
  const path = find(program);
  if (path === undefined) return Promise.resolve(undefined);
  // The child is born in the namespace that this thread is in at that moment.
  const child = insideNetns(netns, () => spawn(path, args, { stdio: ["ignore", "pipe", "ignore"] }));
  return new Promise((resolve) => {
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
    child.on("error", () => resolve(undefined));
    child.on("close", (code) => resolve(code === 0 ? text : undefined));
  });
}

/** True when the old packet filter has tables here: only asking for one of them would make it. */
function hasLegacy(netns: number, family: Family): boolean {
  const file = family === AF_INET ? "ip_tables_names" : "ip6_tables_names";
  try {
    return insideNetns(netns, () => readFileSync(`/proc/thread-self/net/${file}`, "utf8")).trim() !== "";
  } catch {
    return false;
  }
}

/** The packet filter of one network namespace. */
export interface Rulesets {
  readonly tables: readonly SavedTable[];
  readonly foreign: readonly ForeignChain[];
}

/** Reads all rules of both backends of iptables, and what else nftables has, with their counters. */
export async function collectRulesets(netns: number, family: Family): Promise<Rulesets> {
  const base = family === AF_INET ? "iptables" : "ip6tables";
  const save = async (backend: BackendName): Promise<SavedTable[]> => {
    const named = find(`${base}-${backend}-save`) === undefined ? base : `${base}-${backend}`;
    const text = await printed(netns, `${named}-save`, ["-c"]);
    return text === undefined ? [] : parseRuleset(text, { backend, program: named });
  };
  const [nft, legacy, foreign] = await Promise.all([
    save("nft"),
    hasLegacy(netns, family) ? save("legacy") : [],
    printed(netns, "nft", ["-j", "list", "ruleset"]),
  ]);
  return { tables: [...nft, ...legacy], foreign: foreign === undefined ? [] : parseForeign(foreign, family) };
}
