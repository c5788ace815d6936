import type { Command } from "commander";
import { describeMend } from "../../../net/heal/describe.ts";
import type { Healing, Mend } from "../../../net/heal/mend.ts";
import { explainHealing, heal } from "../../container/heal.ts";
import { healedOf } from "../../container/healed.ts";
import { findListedNetwork } from "../../container/networks.ts";
import { UsageError } from "../../core/errors.ts";
import type { Instance } from "../../core/paths.ts";
import { findSupervisor } from "../client.ts";
import { renderPlan } from "../explain.ts";
import { print, say } from "../output.ts";
import { requireRoot } from "../privilege.ts";
import { instanceOf } from "../program.ts";
import { isTerminal } from "../terminal.ts";

interface ReloadFlags {
  readonly inside?: boolean;
  readonly explain?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

function json(value: unknown): void {
  print(`${JSON.stringify(value, null, 2)}\n`);
}

async function showFaults(mends: readonly Mend[], flags: ReloadFlags): Promise<void> {
  if (flags.json === true) {
    const document = mends.map((mend) => ({
      ...healedOf(mend),
      actions: describeMend(mend).map(({ text, reason }) => ({ text, reason })),
    }));
    json(document);
    return;
  }
  if (mends.length === 0) print("nothing to mend\n");
  for (const mend of mends) for (const fault of mend.faults) print(`${fault}\n`);
  if (flags.explain === true) print(renderPlan(mends.flatMap(describeMend), await isTerminal(1)));
}

/** Says what was done. What could not be done ends with 2. */
function showHealing({ mended, failed }: Healing, asJson: boolean): void {
  if (failed.length > 0) process.exitCode = 2;
  if (asJson) {
    json({
      mended: mended.map(healedOf),
      failed: failed.map(({ mend, why }) => ({ ...healedOf(mend), why })),
    });
    return;
  }
  const lines = mended.flatMap(({ faults }) => faults);
  if (lines.length === 0 && failed.length === 0) print("nothing to mend\n");
  for (const line of lines) print(`mended: ${line}\n`);
  for (const { mend, why } of failed) say(`cannot mend: ${mend.faults.join("; ")}: ${why}`);
}

async function namesOf(instance: Instance, references: readonly string[]): Promise<string[] | undefined> {
  if (references.length === 0) return undefined;
  return await Promise.all(
    references.map(async (reference) => {
      const { name, driver } = await findListedNetwork(instance, reference);
      if (driver === "host" || driver === "null")
        throw new UsageError(`network ${name}: there is nothing of it in the kernel to be mended`);
      return name;
    }),
  );
}

/** Adds `network reload`. */
export function addReload(network: Command): void {
  network
    .command("reload")
    .helpOption("--help", "show help")
    .summary("mend what others have changed of networks in the kernel")
    .description(
      "Compares the kernel with what networks and containers need (bridges, links, addresses, routes, settings, " +
        "firewall rules) and puts right exactly what differs, a line for each thing. Drops no traffic. A supervisor " +
        "does so by itself. Firewall rules are those of all networks.",
    )
    .argument("[network...]", "only these; default: all that are up")
    .option("--inside", "also inside containers: what is missing of interfaces, addresses and default routes")
    .option("--dry-run", "say what is wrong, and change nothing")
    .option("--explain", "the same, with each message and rule that would mend it")
    .option("--json", "as JSON")
    .action(async (references: readonly string[], flags: ReloadFlags, command: Command) => {
      requireRoot("network reload");
      const instance = instanceOf(command);
      const networks = await namesOf(instance, references);
      const options = { networks, inside: flags.inside === true };
      if (flags.dryRun === true || flags.explain === true) {
        await showFaults(explainHealing(instance, options), flags);
        return;
      }
      const healing = heal(instance, { ...options, wait: true });
      if (healing === undefined) throw new Error("the lock was not waited for");
      showHealing(healing, flags.json === true);
      // For `mdocker events`.
      const told = healing.mended.filter(({ faults }) => faults.length > 0).map(healedOf);
      if (told.length > 0)
        await (await findSupervisor(instance))?.request("POST", "/mdocker/healed", { body: told });
    });
}
