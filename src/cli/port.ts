import type { Command } from "commander";
import { findContainer } from "../container/refresh.ts";
import { UsageError } from "../core/errors.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";

/** Adds `port`. No port of a container can be published yet: there is none to show. */
export function registerPort(program: Command): void {
  const command = program
    .command("port")
    .summary("show the published ports of a container")
    .description("Shows which ports of the host lead to ports of a container.")
    .helpOption("--help", "show help")
    .argument("<container>", "name, id or beginning of an id")
    .argument("[port]", "of the container, with its protocol if it is not tcp: 80, 53/udp")
    .action((reference: string, port: string | undefined) => {
      requireRoot("port ...");
      if (port !== undefined && !/^\d{1,5}(\/(tcp|udp|sctp))?$/.test(port)) {
        throw new UsageError(`port: ${port}: expected PORT or PORT/PROTOCOL such as 53/udp`);
      }
      const { name } = findContainer(instanceOf(command), reference);
      if (port !== undefined) throw new UsageError(`no public port ${port} published for ${name}`);
    });
}
