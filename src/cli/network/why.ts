import type { Command } from "commander";
import { palette } from "../colour.ts";
import { print } from "../output.ts";
import { requireRoot } from "../privilege.ts";
import { instanceOf } from "../program.ts";
import { isTerminal } from "../terminal.ts";

/** Adds `network why`. */
export function addWhy(network: Command): void {
  network
    .command("why")
    .helpOption("--help", "show help")
    .summary("explain why one reaches the other, or does not")
    .description(
      "Walks the path of a packet hop by hop through the kernel's own tables, then sends one. For the first hop that " +
        "fails it shows the evidence and the commands that mend it. The exit code is 0 when the packet gets through and " +
        "every hop is as it should be, else 1.",
    )
    .argument("<from>", "a container, host, or outside")
    .argument(
      "<to>",
      "a container, host, outside, an address or a name; with :PORT or :PORT/udp for a service",
    )
    .option("--json", "everything as a JSON document")
    .action(async (from: string, to: string, flags: { readonly json?: boolean }, command: Command) => {
      requireRoot("network why ...");
      const { explainWhy } = await import("../../container/why/why.ts");
      const answer = await explainWhy(instanceOf(command), from, to);
      if (flags.json) print(`${JSON.stringify(answer, null, 2)}\n`);
      else {
        const { renderWhy } = await import("./why-text.ts");
        print(renderWhy(answer, palette(await isTerminal(1), process.env)));
      }
      if (answer.verdict !== "reachable") process.exitCode = 1;
    });
}
