import { read } from "node:fs";
import type { Command } from "commander";
import {
  type CopyOptions,
  copyFromContainer,
  copyStreamToContainer,
  copyToContainer,
  entriesOf,
} from "../container/archive/copy.ts";
import { readTar } from "../container/archive/tar-read.ts";
import { writeTar } from "../container/archive/tar-write.ts";
import { findContainer } from "../container/refresh.ts";
import { UsageError } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { formatBytes } from "../core/units.ts";
import { printBytes, say } from "./output.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";
import { isTerminal } from "./terminal.ts";

interface CpOptions {
  readonly archive?: boolean;
  readonly followLink?: boolean;
  readonly quiet?: boolean;
}

/** One end of a copy: a path of a container, or of the host. */
interface End {
  readonly container: string | undefined;
  readonly path: string;
}

/** `CONTAINER:PATH`; what begins with / or . is a path of the host, also with a colon in it. */
export function parseEnd(text: string): End {
  const colon = text.indexOf(":");
  if (colon < 0 || text.startsWith("/") || text.startsWith(".")) return { container: undefined, path: text };
  return { container: text.slice(0, colon), path: text.slice(colon + 1) };
}

async function* stdin(): AsyncGenerator<Uint8Array> {
  for (;;) {
    const buffer = Buffer.allocUnsafe(256 * 1024);
    const length = await new Promise<number>((resolve, reject) => {
      read(0, buffer, 0, buffer.length, null, (error, got) =>
        error === null ? resolve(got) : reject(error),
      );
    });
    if (length === 0) return;
    yield buffer.subarray(0, length);
  }
}

async function writeStream(
  instance: Instance,
  { container = "", path }: End,
  follow: boolean,
): Promise<void> {
  if (await isTerminal(1))
    throw new UsageError("cp: a tar stream is not for a terminal: redirect it, or name a file");
  const entries = entriesOf(instance, findContainer(instance, container), path, follow);
  for await (const chunk of writeTar(entries)) printBytes(chunk);
}

/** Copies between these ends; returns the bytes, or undefined when it was a stream that was written. */
async function copy(
  instance: Instance,
  from: End,
  to: End,
  options: CopyOptions,
): Promise<number | undefined> {
  if (from.container !== undefined && to.container !== undefined)
    throw new UsageError("copying between containers is not supported");
  if (from.container !== undefined) {
    if (to.path === "-") {
      await writeStream(instance, from, options.followLink);
      return undefined;
    }
    const record = findContainer(instance, from.container);
    return copyFromContainer(instance, record, from.path, to.path, options);
  }
  if (to.container === undefined) throw new UsageError("must specify at least one container source");
  const record = findContainer(instance, to.container);
  if (from.path !== "-") return copyToContainer(instance, record, from.path, to.path, options);
  return copyStreamToContainer(instance, record, readTar(stdin()), to.path, options);
}

/** Adds `cp`. */
export function registerCp(program: Command): void {
  const command = program
    .command("cp")
    .summary("copy files between a container and the host")
    .description(
      "Copies files and directories, from or to a container that runs or does not, as docker does: SRC/. means what is in " +
        "SRC; - is a tar stream on stdin or stdout. On the host copies belong to you, and are without set-user-id, " +
        "capabilities and devices, unless -a.",
    )
    .helpOption("--help", "show help")
    .usage("[options] CONTAINER:SRC DEST|-\n       mdocker cp [options] SRC|- CONTAINER:DEST")
    .argument("<source>", "CONTAINER:PATH, a path of the host, or - for a tar stream on stdin")
    .argument("<destination>", "CONTAINER:PATH, a path of the host, or - for a tar stream on stdout")
    .option("-a, --archive", "from a container: keep owners; to one: all belongs to its user")
    .option("-L, --follow-link", "copy what a link SRC leads to")
    .option("-q, --quiet", "do not say how much was copied")
    .action(async (source: string, destination: string, options: CpOptions) => {
      requireRoot("cp ...");
      const [from, to] = [parseEnd(source), parseEnd(destination)];
      if (from.path === "") throw new UsageError("source can not be empty");
      if (to.path === "") throw new UsageError("destination can not be empty");
      const bytes = await copy(instanceOf(command), from, to, {
        archive: options.archive ?? false,
        followLink: options.followLink ?? false,
        note: say,
      });
      if (bytes === undefined || options.quiet || !(await isTerminal(2))) return;
      say(`copied ${formatBytes(bytes)} to ${destination}`);
    });
}
