import type { Command } from "commander";
import { addCapture } from "./network/capture.ts";
import { addConnect } from "./network/connect.ts";
import { addCreate } from "./network/create.ts";
import { addGraph } from "./network/graph.ts";
import { addImpair } from "./network/impair.ts";
import { addInspect } from "./network/inspect.ts";
import { addList } from "./network/list.ts";
import { addReload } from "./network/reload.ts";
import { addRemove } from "./network/remove.ts";
import { addResolve } from "./network/resolve.ts";
import { addWhy } from "./network/why.ts";

/** Adds `network`: networks of one's own, and who is on them. */
export function registerNetwork(program: Command): void {
  const network = program
    .command("network")
    .helpOption("--help", "show help")
    .description("create, list, inspect and remove networks; connect containers to them");
  addCreate(network);
  addList(network);
  addInspect(network);
  addRemove(network);
  addReload(network);
  addConnect(network);
  addResolve(network);
  addImpair(network);
  addWhy(network);
  addGraph(network);
  addCapture(network);
}
