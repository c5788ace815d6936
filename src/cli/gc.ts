import type { Command } from "commander";
import { collectGarbage } from "../container/gc.ts";
import { print } from "./output.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";

/** Adds `gc`. */
export function registerGc(program: Command): void {
  const command = program
    .command("gc")
    .summary("remove what no living container owns")
    .description(
      "Removes what interrupted starts and killed containers left behind: links, rules, cgroups, mounts, leases, " +
        "directories. Touches nothing that mdocker did not make, nor containers kept with --keep. May run at any time.",
    )
    .helpOption("--help", "show help")
    .option("-n, --networks", "also bridges and rules of networks that no container uses")
    .option("-a, --all", "everything that is not in use")
    .action(async ({ networks, all }: { readonly networks?: boolean; readonly all?: boolean }) => {
      requireRoot("gc");
      const removed = await collectGarbage(instanceOf(command), {
        networks: networks === true || all === true,
      });
      print(removed.map((line) => `${line}\n`).join(""));
    });
}
