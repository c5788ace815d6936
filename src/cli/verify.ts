import type { Command } from "commander";
import { findContainer } from "../container/refresh.ts";
import type { Finding } from "../container/verify/finding.ts";
import { verifyContainer } from "../container/verify/verify.ts";
import { type Palette, palette } from "./colour.ts";
import { print } from "./output.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";
import { renderTable } from "./table.ts";
import { isTerminal } from "./terminal.ts";

const printable = (text: string): string => text.replaceAll(/\p{C}/gu, "?");

/** The findings as a table, the group named once, and in the end how many hold. */
export function renderFindings(found: readonly Finding[], colours: Palette): string {
  const rows = found.map(({ group, check, expected, found: is, ok }, i) => [
    group === found[i - 1]?.group ? "" : group,
    printable(check),
    printable(expected),
    printable(is),
    ok ? colours.colour(32, "ok") : colours.colour(31, "NOT OK"),
  ]);
  const bad = found.filter(({ ok }) => !ok).length;
  const verdict =
    bad === 0
      ? colours.colour(32, `all ${found.length} hold`)
      : colours.colour(31, `${bad} of ${found.length} do not hold`);
  return `${renderTable(["", "CHECK", "EXPECTED", "FOUND", ""], rows)}${verdict}\n`;
}

/** Adds `verify`. */
export function registerVerify(program: Command): void {
  const command = program
    .command("verify")
    .summary("prove that a container is isolated as asked")
    .description(
      "Looks at a running container from outside and compares what the kernel says with what was asked for: namespaces, " +
        "root and mounts, masked paths, limits, capabilities, seccomp, no_new_privs, open files, network. The exit code " +
        "is 1 when something does not hold.",
    )
    .helpOption("--help", "show help")
    .argument("<container>", "name, id or beginning of an id")
    .option("--json", "the findings as a JSON array")
    .action(async (reference: string, { json }: { readonly json?: boolean }) => {
      requireRoot("verify ...");
      const instance = instanceOf(command);
      const found = verifyContainer(instance, findContainer(instance, reference));
      print(
        json
          ? `${JSON.stringify(found, null, 2)}\n`
          : renderFindings(found, palette(await isTerminal(1), process.env)),
      );
      if (found.some(({ ok }) => !ok)) process.exitCode = 1;
    });
}
