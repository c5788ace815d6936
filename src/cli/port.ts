import type { Command } from "commander";
import { hostPlace, publishedPorts } from "../container/ports.ts";
import { findContainer } from "../container/refresh.ts";
import { UsageError } from "../core/errors.ts";
import { print } from "./output.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";

/** Adds `port`: `80/tcp -> 127.0.0.1:8080`, or, of one port, only the right half. */
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
      const record = findContainer(instanceOf(command), reference);
      const wanted = port === undefined || port.includes("/") ? port : `${port}/tcp`;
      const all = publishedPorts(record).map((it) => [`${it.containerPort}/${it.protocol}`, hostPlace(it)]);
      const chosen = wanted === undefined ? all : all.filter(([name]) => name === wanted);
      if (wanted !== undefined && chosen.length === 0)
        throw new UsageError(`no public port ${wanted} published for ${record.name}`);
      print(chosen.map(([name, place]) => `${wanted === undefined ? `${name} -> ` : ""}${place}\n`).join(""));
    });
}
