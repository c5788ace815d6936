import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { messageOf } from "../../src/core/errors.ts";
import { home } from "../../src/core/home.ts";
import { findInstance } from "../../src/core/paths.ts";
import { formatBytes } from "../../src/core/units.ts";
import { makeTestHost } from "../../tests/harness/host.ts";
import { makeLabImage } from "../../tests/harness/lab-image.ts";
import { api } from "./api.ts";
import { underAttack } from "./attacks.ts";
import { type Bench, type BenchContext, keepsBounds, type Row } from "./bench.ts";
import { burst } from "./burst.ts";
import { costs } from "./costs.ts";
import { crowd } from "./crowd.ts";
import { engine } from "./engine.ts";
import { exec } from "./exec.ts";
import { growth } from "./growth.ts";
import { isolation } from "./isolation.ts";
import { memory } from "./memory.ts";
import { names } from "./names.ts";
import { networks } from "./networks.ts";
import { peerHostScript, startPeers } from "./peers.ts";
import { smallest } from "./smallest.ts";
import { table } from "./table.ts";
import { throughput } from "./throughput.ts";
import { whole } from "./whole.ts";

// `make bench`: starts itself a second time inside a throw-away host, so that nothing it measures has to enter
// namespaces first, and the machine's own network stays untouched.

const benches: readonly Bench[] = [
  whole,
  exec,
  engine,
  burst,
  api,
  crowd,
  networks,
  throughput,
  names,
  memory,
  smallest,
  underAttack,
  growth,
  costs,
  isolation,
];
const variable = "MDOCKER_BENCH";

/** What the inner process is told by the outer one. */
interface Task {
  readonly only: readonly string[];
  readonly enterPeers: readonly string[];
  readonly folder: string;
}

async function outside(only: readonly string[]): Promise<number> {
  const unknown = only.filter((name) => !benches.some((bench) => bench.name === name));
  if (unknown.length > 0) {
    console.error(`bench: ${unknown.join()}: expected one of ${benches.map(({ name }) => name).join(", ")}`);
    return 1;
  }
  const image = mkdtempSync("/var/tmp/mdocker-image-");
  process.on("exit", () => rmSync(image, { recursive: true, force: true }));
  await makeLabImage(image);
  const own = await makeTestHost({ image });
  const peers = await makeTestHost({ script: peerHostScript });
  try {
    const folder = join(String(own.host.env["HOME"]), "bench");
    const task: Task = { only, enterPeers: peers.host.place.enter, folder };
    const [program = "", ...before] = own.host.place.enter;
    const { status } = spawnSync(program, [...before, process.execPath, String(process.argv[1])], {
      env: { ...own.host.env, [variable]: JSON.stringify(task) },
      stdio: ["ignore", "inherit", "inherit"],
    });
    return status ?? 1;
  } finally {
    await peers.close();
    await own.close();
  }
}

async function attempt(bench: Bench, context: BenchContext): Promise<Row[]> {
  try {
    return await bench.run(context);
  } catch (error) {
    return [{ label: bench.name, unit: "", note: `FAILED: ${messageOf(error)}` }];
  }
}

async function inside({ only, enterPeers, folder }: Task): Promise<number> {
  const { [variable]: _, ...env } = process.env;
  const instance = findInstance({}, env);
  const peers = await startPeers(folder, instance.prefix, enterPeers, env);
  const context: BenchContext = { instance, program: join(home, "bin/mdocker"), env, peers, folder };
  const machine = {
    processors: cpus().length,
    model: cpus()[0]?.model ?? "unknown",
    memory: formatBytes(totalmem()),
    kernel: release(),
    node: process.version,
  };
  console.log(
    `${machine.processors} processors, ${machine.memory}, Linux ${machine.kernel}, Node ${machine.node}`,
  );
  const results: { name: string; title: string; rows: readonly Row[] }[] = [];
  try {
    for (const bench of benches) {
      if (only.length > 0 && !only.includes(bench.name)) continue;
      const rows = await attempt(bench, context);
      console.log(`\n${table(bench.title, rows)}`);
      results.push({ name: bench.name, title: bench.title, rows });
    }
  } finally {
    await peers.close();
  }
  const report = join(home, "bench/results", `${new Date().toISOString().replaceAll(":", "")}.json`);
  mkdirSync(join(report, ".."), { recursive: true });
  writeFileSync(report, `${JSON.stringify({ machine, results }, undefined, 2)}\n`);
  console.log(`\n${report}`);
  const rows = results.flatMap((result) => result.rows);
  const missed = rows.filter((row) => row.ratio !== undefined && keepsBounds(row.ratio) === false).length;
  const failed = rows.filter((row) => row.note?.startsWith("FAILED")).length;
  if (missed + failed > 0) console.log(`${missed} bounds not kept, ${failed} benches failed`);
  return missed + failed > 0 ? 1 : 0;
}

async function main(): Promise<void> {
  const task = process.env[variable];
  process.exitCode =
    task === undefined ? await outside(process.argv.slice(2)) : await inside(JSON.parse(task) as Task);
}

void main().catch((error: unknown) => {
  console.error(`bench: ${messageOf(error)}`);
  process.exitCode = 1;
});
