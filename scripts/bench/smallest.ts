import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Bench, BenchContext, Row } from "./bench.ts";

/** In pages; what no runtime needs at most. */
const [pageKib, mostPages] = [4, 4096];
/** A limit is enough when so many starts in a row succeed: the kernel takes memory in batches, by processor. */
const inARow = 3;

/** The part of an OCI bundle's config.json that is changed. */
interface Config {
  process: { args: string[]; terminal: boolean };
  root: { path: string; readonly: boolean };
  linux: { cgroupsPath?: string; resources?: { memory?: { limit: number } } };
}

/** The least limit, in KiB, with which `/bin/true` ends with 0, found by bisection. */
function smallestLimit(succeeds: (kib: number) => boolean): number {
  const enough = (pages: number): boolean => {
    for (let attempt = 0; attempt < inARow; attempt += 1) if (!succeeds(pages * pageKib)) return false;
    return true;
  };
  let [low, high] = [0, mostPages];
  if (!enough(high)) return Number.NaN;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (enough(middle)) high = middle;
    else low = middle;
  }
  return high * pageKib;
}

function ends(command: readonly string[], env: NodeJS.ProcessEnv): boolean {
  const [program = "", ...args] = command;
  const { status, error } = spawnSync(program, args, { env, stdio: "ignore" });
  if (error !== undefined) throw error;
  return status === 0;
}

/** An OCI runtime with the document that it writes itself, but for command, root and limit. */
function byRuntime(
  { peers, folder, instance, env }: BenchContext,
  program: string,
): (kib: number) => boolean {
  const name = `smallest-${basename(program)}`;
  const bundle = join(folder, name);
  rmSync(bundle, { recursive: true, force: true });
  mkdirSync(bundle);
  const { status, stderr } = spawnSync(program, ["spec"], { cwd: bundle, encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} spec: ${stderr}`);
  const path = join(bundle, "config.json");
  const config = JSON.parse(readFileSync(path, "utf8")) as Config;
  config.process = { ...config.process, args: ["/bin/true"], terminal: false };
  config.root = { path: peers.rootfs, readonly: true };
  config.linux.cgroupsPath = `/${instance.prefix}-peers/${name}`;
  const state = ["--root", join(folder, `${name}-state`)];
  const enter = [...peers.enter, program, ...state];
  return (kib) => {
    config.linux.resources = { ...config.linux.resources, memory: { limit: kib * 1024 } };
    writeFileSync(path, JSON.stringify(config));
    const succeeded = ends([...enter, "run", "--bundle", bundle, name], env);
    if (!succeeded) ends([...enter, "delete", "--force", name], env);
    return succeeded;
  };
}

/** The least memory that a container can live with: what the runtime itself takes of the limit. */
export const smallest: Bench = {
  name: "smallest",
  title: "smallest --memory with which /bin/true of a static busybox runs",
  run: async (context) => {
    const { program, env, peers } = context;
    const run = [program, "run", "--net", "none", "--rootfs", peers.rootfs];
    const own = smallestLimit((kib) => ends([...run, "--memory", `${kib}k`, "/bin/true"], env));
    const rows: Row[] = [];
    for (const name of ["crun", "runc"] as const) {
      const runtime = peers[name];
      if (runtime === undefined) rows.push({ label: name, unit: "KiB", note: "not installed" });
      else rows.push({ label: name, value: smallestLimit(byRuntime(context, runtime)), unit: "KiB" });
    }
    const crun = rows.find(({ label }) => label === "crun")?.value;
    const ratio = crun === undefined ? undefined : { to: "crun", value: own / crun, atMost: 1 };
    const note = "with init, seccomp and a layer of its own, which crun's have not";
    return [{ label: "mdocker", value: own, unit: "KiB", ratio, note }, ...rows];
  },
};
