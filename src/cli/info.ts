import { machine, release, totalmem } from "node:os";
import type { Command } from "commander";
import { describeHost } from "../../cgroup/describe.ts";
import { detectCgroups, managerOf } from "../../cgroup/host.ts";
import { detectBackend } from "../../net/iptables.ts";
import { listImages } from "../../rootfs/image-store.ts";
import { listContainers } from "../container/refresh.ts";
import { messageOf } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { formatBytes } from "../core/units.ts";
import { versionText } from "../core/version-text.ts";
import { print, say } from "./output.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";

type Info = Readonly<Record<string, string | number>>;

async function said(ask: () => string | Promise<string>): Promise<string> {
  try {
    return await ask();
  } catch (error) {
    return messageOf(error);
  }
}

async function collect(instance: Instance): Promise<Info> {
  const containers = listContainers(instance, (error) => say(error.message));
  return {
    version: versionText(),
    root: instance.root,
    state: instance.state,
    prefix: instance.prefix,
    containers: containers.length,
    running: containers.filter(({ state }) => state === "running").length,
    images: listImages(instance).length,
    cgroups: await said(() => {
      const host = detectCgroups();
      return managerOf(host) === "systemd" ? `${host.driver}, by systemd` : host.driver;
    }),
    unenforced: await said(() => {
      const { shortcomings } = describeHost(detectCgroups());
      return shortcomings.map(({ what }) => what).join(", ") || "nothing";
    }),
    iptables: await said(() => {
      const { name, version } = detectBackend();
      return `${version} (${name})`;
    }),
    kernel: release(),
    machine: machine(),
    memory: formatBytes(totalmem()),
    node: process.versions.node,
  };
}

/** Adds `info`. */
export function registerInfo(program: Command): void {
  const command = program
    .command("info")
    .summary("show this instance and its host in short")
    .description("Shows where this instance keeps its things, how many it has, and what the host offers.")
    .helpOption("--help", "show help")
    .option("--json", "as JSON")
    .action(async ({ json }: { readonly json?: boolean }) => {
      requireRoot("info");
      const found = await collect(instanceOf(command));
      const lines = Object.entries(found).map(([name, value]) => `${`${name}:`.padEnd(12)}${value}\n`);
      print(json ? `${JSON.stringify(found, null, 2)}\n` : lines.join(""));
    });
}
